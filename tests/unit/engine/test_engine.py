from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import BuildStarted, Event, StageFailed, StageFinished, StageStarted, Stream
from distrobuild.engine.store import Store
from distrobuild.errors import DistrobuildError
from distrobuild.plan import code
from distrobuild.plan.graph import Node, Tree
from distrobuild.sandbox import contract as contract_module
from distrobuild.stages.stage import Job
from tests.unit.engine.small_stages import CallStage, plan, write


def run_names(seen: list[Event]) -> list[str]:
    return [event.stage for event in seen if isinstance(event, StageStarted)]


def test_inputs_are_built_before_what_reads_them(engine: Engine) -> None:
    first = write("first", "a")
    second = write("second", "b", left=first)
    entries = engine.build(plan(second))
    assert (entries["second"].output / "text").read_text() == "ab"


def test_a_second_build_runs_nothing(engine: Engine, seen: list[Event]) -> None:
    engine.build(plan(write("only", "a")))
    seen.clear()
    engine.build(plan(write("only", "a")))
    assert run_names(seen) == []


def test_a_changed_option_runs_the_stage_and_all_behind_it(engine: Engine, seen: list[Event]) -> None:
    for text in ("a", "changed"):
        seen.clear()
        other = write("other", "x")
        engine.build(plan(write("last", "b", left=write("first", text), right=other)))
    assert sorted(run_names(seen)) == ["first", "last"]


def test_a_changed_source_file_runs_the_stage(engine: Engine, seen: list[Event], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for text in ("one", "two"):
        seen.clear()
        (source / "file").write_text(text)
        entries = engine.build(plan(write("only", "!", tree=Tree(source, "source"))))
        assert run_names(seen) == ["only"]
        assert (entries["only"].output / "text").read_text() == f"{text}!"


def test_what_ran_while_its_code_changed_is_not_kept(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = Path(contract_module.__file__)
    with monkeypatch.context() as patch:
        patch.setitem(code.LOADED, contract, (0, 0))
        with pytest.raises(StageError, match=r"code changed while the stage ran: sandbox/contract\.py"):
            engine.build(plan(write("only", "a")))
    assert not list((store.root / "outputs").iterdir())
    engine.build(plan(write("only", "a")))


def test_what_only_a_finished_stage_needed_is_not_built_again(engine: Engine, store: Store, seen: list[Event]) -> None:
    first = write("first", "a")
    last = write("last", "b", left=first)
    entries = engine.build(plan(last))
    store.remove(entries["first"])
    seen.clear()
    engine.build(plan(last))
    assert run_names(seen) == []


def test_no_copy_of_a_secret_is_left_in_the_store(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key").write_text("a very secret key")
    stage = CallStage("x", lambda job: None)
    engine.build(plan(Node("sign", stage, {"tree": Tree(folder, "keys", secret=True)})))
    (engine.store.root / "outputs").rename(tmp_path / "outputs")  # this test's stage does write it down
    # What is discarded is being removed just now, by another process.
    folders = [path for path in engine.store.root.iterdir() if path.name != "discarded"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"very secret" in path.read_bytes()] == []


def test_independent_stages_run_at_the_same_time(engine: Engine) -> None:
    both = threading.Barrier(2, timeout=30)  # breaks, and fails the build, when only one of them runs
    nodes = [Node(name, CallStage(name, lambda _: both.wait() and None)) for name in ("one", "two")]
    engine.build(plan(*nodes))


def test_an_exclusive_stage_runs_alone(engine: Engine) -> None:
    both = threading.Barrier(2)
    met: list[str] = []

    class Alone(CallStage):
        exclusive = True

    def meet(job: Job) -> None:
        """Wait a moment for another stage to come by."""
        try:
            both.wait(0.3)
            met.append(str(job.output))
        except threading.BrokenBarrierError:
            both.reset()

    engine.build(plan(*(Node(name, Alone(name, meet)) for name in ("one", "two")), Node("last", CallStage("x", meet))))
    assert met == []


def test_stages_with_network_run_one_after_the_other_beside_those_without(engine: Engine) -> None:
    beside = threading.Barrier(2)
    running: list[str] = []
    together: list[list[str]] = []

    class Fetching(CallStage):
        uses_network = True

    def fetch(job: Job) -> None:
        running.append("fetch")
        beside.wait(10)
        together.append(list(running))
        running.remove("fetch")

    def work(job: Job) -> None:
        beside.wait(10)
        beside.wait(10)

    fetches = [Node(name, Fetching(name, fetch)) for name in ("one", "two")]
    engine.build(plan(*fetches, Node("last", CallStage("x", work))))
    assert together == [["fetch"], ["fetch"]]


def test_a_failing_stage_leaves_nothing_in_the_store(engine: Engine, store: Store, seen: list[Event]) -> None:
    def fail(job: Job) -> None:
        (job.output / "text").write_text("half")
        job.log("about to fail")
        raise DistrobuildError("it broke")

    with pytest.raises(StageError, match="it broke"):
        engine.build(plan(Node("bad", CallStage("x", fail))))
    assert store.entries() == []
    failure = next(event for event in seen if isinstance(event, StageFailed))
    assert failure.tail == ("about to fail",)
    assert "about to fail" in Path(failure.log).read_text()
    assert (Path(failure.log).parent / "out" / "text").read_text() == "half"


def test_after_a_failure_nothing_that_waits_is_started(engine: Engine, seen: list[Event]) -> None:
    def fail(_job: Job) -> None:
        raise DistrobuildError("it broke")

    bad = Node("bad", CallStage("x", fail))
    with pytest.raises(StageError, match="it broke"):
        engine.build(plan(write("behind", "b", left=bad), write("beside", "c", left=write("first", "a", left=bad))))
    assert run_names(seen) == ["bad"]


def test_after_a_failure_the_finished_stages_are_kept(engine: Engine, seen: list[Event]) -> None:
    state = {"broken": True}

    def maybe(_job: Job) -> None:
        if state["broken"]:
            raise DistrobuildError("not yet")

    first = write("first", "a")
    last = Node("last", CallStage("b", maybe), {"from/left": first})
    with pytest.raises(StageError):
        engine.build(plan(last))
    state["broken"] = False
    seen.clear()
    engine.build(plan(last))
    assert run_names(seen) == ["last"]


def test_a_missing_declared_output_fails_the_stage(engine: Engine) -> None:
    class Forgetful(CallStage):
        def run(self, job: Job) -> None:
            """Writes nothing."""

    with pytest.raises(StageError, match="declared output `text`"):
        engine.build(plan(Node("forgetful", Forgetful("x", lambda _: None))))


def test_a_full_disk_is_named_as_such(engine: Engine, store: Store) -> None:
    def fill(_job: Job) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StageError, match="no space left on the disk"):
        engine.build(plan(Node("big", CallStage("x", fill))))
    assert store.entries() == []


def test_two_builds_at_once_share_the_work(store: Store) -> None:
    count: list[int] = []
    started = threading.Event()
    go_on = threading.Event()

    def slow(_job: Job) -> None:
        count.append(1)
        started.set()
        go_on.wait(30)

    second_started = threading.Event()

    def note(event: Event) -> None:
        if isinstance(event, BuildStarted):
            second_started.set()

    engines = [Engine(store, "project", stream, 2) for stream in (Stream(), Stream(note))]
    threads = [
        threading.Thread(target=engine.build, args=(plan(Node("slow", CallStage("x", slow))),)) for engine in engines
    ]
    threads[0].start()
    started.wait(30)
    threads[1].start()
    second_started.wait(30)  # it, too, has found the stage missing
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert len(count) == 1
    assert len(store.entries()) == 1


def test_a_damaged_output_is_found_and_built_again(engine: Engine, store: Store, seen: list[Event]) -> None:
    entry = engine.build(plan(write("only", "good")))["only"]
    (entry.output / "text").write_text("evil")
    assert not entry.is_intact()
    store.remove(entry)
    seen.clear()
    again = engine.build(plan(write("only", "good")))["only"]
    assert any(isinstance(event, StageFinished) for event in seen)
    assert (again.output / "text").read_text() == "good"


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.engine.small_stages import CallStage, plan, write
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.plan.graph import Node
def die(job):
    (job.output / "text").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
first = write("first", "a")
last = Node("last", CallStage("b", die), {{"from/left": first}})
Engine(Store(Path({store!r})), "project", Stream(), 1).build(plan(last))
"""


def test_a_killed_build_goes_on_from_the_last_finished_stage(engine: Engine, store: Store, seen: list[Event]) -> None:
    root = str(Path(__file__).parents[3])
    program = KILLED.format(root=root, store=str(store.root))
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert list((store.root / "scratch").iterdir()), "the killed build left its scratch folder"
    first = write("first", "a")
    entries = engine.build(plan(Node("last", CallStage("b", lambda _: None), {"from/left": first})))
    assert run_names(seen) == ["last"]
    assert (entries["last"].output / "text").read_text() == "ab"
    assert list((store.root / "scratch").iterdir()) == []
