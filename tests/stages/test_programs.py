"""Stages that start real programs: what a failure leaves, and that nothing outlives a killed build."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import Event, StageFailed, Stream
from distrobuild.engine.store import Store
from distrobuild.plan.graph import Node
from tests.unit.engine.small_stages import CallStage, plan

ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def seen() -> list[Event]:
    return []


@pytest.fixture
def engine(tmp_path: Path, seen: list[Event]) -> Engine:
    return Engine(Store(tmp_path / "store"), "project", Stream(seen.append), cpus=2)


def program(*command: str) -> Node:
    return Node("program", CallStage("x", lambda job: job.sandbox.run(command)))


def test_a_full_disk_met_by_a_program_is_named_as_such(engine: Engine) -> None:
    with pytest.raises(StageError, match="no space left on the disk") as error:
        engine.build(plan(program("dd", "if=/dev/zero", "of=/dev/full", "count=1")))
    assert "cache gc" in str(error.value.hint)
    assert engine.store.entries() == []


def test_the_reproduction_of_a_failure_fails_in_the_same_way(engine: Engine, seen: list[Event]) -> None:
    with pytest.raises(StageError):
        engine.build(plan(program("sh", "-c", "echo the reason; touch /work/trace; exit 7")))
    failure = next(event for event in seen if isinstance(event, StageFailed))
    assert failure.reproduction is not None
    again = subprocess.run(failure.reproduction, shell=True, check=False, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (7, "the reason\n")
    assert (Path(failure.log).parent / "work" / "trace").exists()


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.stages.test_programs import program
from tests.unit.engine.small_stages import plan
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
command = "echo started > /work/started; exec sleep {marker}"
Engine(Store(Path({store!r})), "project", Stream(), 1).build(plan(program("sh", "-c", command)))
"""


def test_no_program_outlives_a_killed_build(engine: Engine, tmp_path: Path) -> None:
    marker = f"{86000 + os.getpid() % 1000}.25"
    script = KILLED.format(root=ROOT, store=str(engine.store.root), marker=marker)
    build = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: list((engine.store.root / "scratch").glob("*/work/started")))
    assert marker in running_programs()
    build.send_signal(signal.SIGKILL)
    build.wait()
    wait_for(lambda: marker not in running_programs())
    assert engine.store.sweep() == 1


def running_programs() -> str:
    """The command lines of all processes but this one."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            lines.append(path.read_text(errors="replace"))
    return "\n".join(lines)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
