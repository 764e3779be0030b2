"""What goes when the store is cleaned, and what counts as a use."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distrobuild.cli.cache import command
from distrobuild.cli.view import size
from distrobuild.engine.collection import Collected, collect
from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.entry import Entry
from distrobuild.engine.store import Store
from distrobuild.engine.transfer import export, import_
from distrobuild.plan.graph import Node
from distrobuild.stages.stage import Job
from tests.unit.engine.small_stages import CallStage, plan, write

LONG_AGO = 86400.0
TEXT = 8192
"""Letters of an output: so many that they take whole blocks of any file system."""


def stand_idle(entry: Entry, since: float = LONG_AGO) -> None:
    """As if the last build that used it had been then (unix time)."""
    os.utime(entry.path, (since, since))


def names(store: Store) -> set[str]:
    return {entry.meta.stage for entry in store.entries()}


@pytest.fixture
def four(engine: Engine) -> dict[str, Entry]:
    """Outputs of one last build, each as large as the others; `b` was used longest ago, then `d`, `a` and `c`."""
    entries = engine.build(plan(*(write(name, TEXT * name) for name in "abcd")))
    for since, name in enumerate("bdac"):
        stand_idle(entries[name], LONG_AGO + since)
    return entries


def test_what_no_last_build_used_goes(engine: Engine, store: Store) -> None:
    old = engine.build(plan(write("only", "old" * TEXT)))["only"].room
    new = engine.build(plan(write("only", "n" * TEXT)))["only"].room
    assert collect(store) == Collected(outputs=1, room=old)
    assert collect(store) == Collected(outputs=0, room=0)
    assert collect(store, last_builds=False) == Collected(outputs=1, room=new)
    assert old > new > TEXT


@pytest.mark.parametrize(
    ("rooms", "less", "stays"),
    [(4, 0, "abcd"), (4, 1, "acd"), (3, 0, "acd"), (3, 1, "ac"), (1, 0, "c"), (1, 1, ""), (0, 0, "")],
)
def test_what_was_not_used_for_longest_goes_first_and_no_more_than_must(
    four: dict[str, Entry], store: Store, rooms: int, less: int, stays: str
) -> None:
    assert collect(store, keep=rooms * four["a"].room - less).outputs == 4 - len(stays)
    assert names(store) == set(stays)


def test_what_no_last_build_used_goes_before_what_one_did(engine: Engine, store: Store) -> None:
    used = engine.build(plan(write("only", TEXT * "a")))["only"]
    engine.build(plan(write("only", TEXT * "b")))
    engine.build(plan(write("only", TEXT * "a")))
    stand_idle(used)
    assert collect(store, keep=used.room).outputs == 1
    assert [entry.key for entry in store.entries()] == [used.key]


def test_holes_of_an_image_take_no_room(engine: Engine) -> None:
    def image(job: Job) -> None:
        with (job.output / "disk.raw").open("wb") as disk:
            disk.truncate(1 << 30)

    entry = engine.build(plan(Node("only", CallStage("text", image))))["only"]
    assert entry.meta.bytes > 1 << 30
    assert entry.room < 1 << 20


def test_of_one_build_the_earlier_stages_go_first(engine: Engine, store: Store) -> None:
    entries = engine.build(plan(write("last", "b", left=write("first", "a"))))
    for entry in entries.values():
        stand_idle(entry)
    collect(store, keep=entries["last"].room)
    assert names(store) == {"last"}


def test_a_build_uses_all_that_it_finds_and_makes(engine: Engine) -> None:
    goal = write("last", "b", left=write("first", "a"))
    start = time.time() - 1  # a file system's clock may be a little behind
    entries = engine.build(plan(goal))
    assert all(entry.used >= start for entry in entries.values())
    for entry in entries.values():
        stand_idle(entry)
    engine.build(plan(goal))
    assert all(entry.used >= start for entry in entries.values())


def test_a_build_that_fails_has_used_what_it_found(engine: Engine) -> None:
    def fail(job: Job) -> None:
        raise OSError("out of luck")

    found = engine.build(plan(write("first", "a")))["first"]
    stand_idle(found)
    with pytest.raises(StageError):
        engine.build(plan(write("first", "a"), Node("bad", CallStage("x", fail))))
    assert found.used > LONG_AGO


def test_what_comes_from_another_machine_was_used_just_now(engine: Engine, store: Store, tmp_path: Path) -> None:
    entry = engine.build(plan(write("only", "text")))["only"]
    stand_idle(entry)
    export(store, [entry.key], [], tmp_path / "export.tar")
    other = Store(tmp_path / "other")
    import_(other, tmp_path / "export.tar")
    (copy,) = other.entries()
    assert copy.used > LONG_AGO


def test_a_use_that_cannot_be_noted_is_no_error(tmp_path: Path) -> None:
    Entry(f"sha256:{'a' * 64}", tmp_path / "gone").note_use()


def gc(store: Store, *options: str) -> Result:
    return CliRunner().invoke(command, ["gc", *options], env={"DISTROBUILD_STORE": str(store.root)})


def test_the_command_keeps_what_has_room(four: dict[str, Entry], store: Store) -> None:
    room = four["a"].room
    assert gc(store, "--keep", str(2 * room)).output == f"removed 2 outputs, {size(2 * room)}\n"
    assert names(store) == {"a", "c"}


def test_the_command_refuses_what_contradicts_itself_and_removes_nothing(four: dict[str, Entry], store: Store) -> None:
    assert "leave it or `--keep` out" in gc(store, "--all", "--keep", "20").output
    assert "`20 apples` is no size" in gc(store, "--keep", "20 apples").output
    assert names(store) == set("abcd")


def test_the_list_says_how_long_an_output_stood_idle(four: dict[str, Entry], store: Store) -> None:
    stand_idle(four["a"], time.time() - 7205)
    environment = {"DISTROBUILD_STORE": str(store.root), "COLUMNS": "200"}
    rows = CliRunner().invoke(command, ["ls"], env=environment).output.splitlines()
    (row,) = (row.split() for row in rows if row.split()[1:2] == ["a"])
    assert f", {size(sum(entry.room for entry in four.values()))} on the disk, in " in rows[-1]
    assert row[-6:] == ["2", "h", "00", "min", "last", "build"]
