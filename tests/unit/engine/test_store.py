from __future__ import annotations

import hashlib
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine
from distrobuild.engine.store import Store, StoreInUse
from distrobuild.engine.transfer import BadArchive, export, import_
from distrobuild.plan.graph import Node
from distrobuild.stages.stage import Job
from tests.unit.engine.small_stages import CallStage, plan, write


def test_verifying_finds_a_changed_file_a_new_file_and_a_changed_mode(engine: Engine) -> None:
    for damage in ("content", "new", "mode"):
        entry = engine.build(plan(write("only", damage)))["only"]
        assert entry.is_intact()
        match damage:
            case "content":
                (entry.output / "text").write_text("other")
            case "new":
                (entry.output / "more").write_text("")
            case _:
                (entry.output / "text").chmod(0o600)
        assert not entry.is_intact()


def test_verifying_finds_a_changed_record(engine: Engine) -> None:
    entry = engine.build(plan(write("only", "good")))["only"]
    assert entry.is_intact()
    record = entry.path / "record.json"
    record.write_text(record.read_text().replace('"text": "good"', '"text": "bad"'))
    assert not entry.is_intact()


def test_nothing_is_collected_while_a_build_runs(store: Store) -> None:
    with store.use(), pytest.raises(StoreInUse), store.collect():
        pass


def test_the_last_build_of_every_stage_is_remembered(engine: Engine, store: Store) -> None:
    old = engine.build(plan(write("only", "old")))["only"]
    new = engine.build(plan(write("only", "new")))["only"]
    assert new.key in store.remembered()
    assert old.key not in store.remembered()


def test_an_exported_output_works_in_another_store(engine: Engine, store: Store, tmp_path: Path) -> None:
    def loose(job: Job) -> None:
        (job.output / "program").touch()
        (job.output / "program").chmod(0o4775)

    entry = engine.build(plan(Node("only", CallStage("text", loose))))["only"]
    (store.cache("fetch") / ("a" * 64)).write_bytes(b"fetched")
    assert export(store, [entry.key], ["a" * 64], tmp_path / "export.tar") == 2
    other = Store(tmp_path / "other")
    assert import_(other, tmp_path / "export.tar") == 2
    found = other.find(entry.key)
    assert found is not None
    assert found.is_intact()
    assert (other.cache("fetch") / ("a" * 64)).read_bytes() == b"fetched"


def test_an_export_that_was_damaged_is_refused(engine: Engine, store: Store, tmp_path: Path) -> None:
    entry = engine.build(plan(write("only", "the text")))["only"]
    export(store, [entry.key], [], tmp_path / "export.tar")
    archive = tmp_path / "export.tar"
    archive.write_bytes(archive.read_bytes().replace(b"the text", b"bad text"))
    other = Store(tmp_path / "other")
    with pytest.raises(BadArchive, match="damaged"):
        import_(other, archive)
    assert other.entries() == []


def test_sweeping_leaves_the_work_of_a_running_build(store: Store) -> None:
    with store.scratch() as scratch:
        assert store.sweep() == 0
        assert scratch.work.is_dir()
    assert not scratch.path.exists()


def test_what_is_discarded_goes_away_and_so_does_what_an_interrupted_removal_left(store: Store) -> None:
    left = store.root / "discarded/left/folder"
    left.mkdir(parents=True)
    with store.scratch() as scratch:
        (scratch.work / "file").touch()
    assert gone(lambda: list(left.parents[1].iterdir()) == [left.parent])
    store.sweep()
    assert gone(lambda: not left.parent.exists())


def gone(is_gone: Callable[[], bool]) -> bool:
    """Wait for what a program does in the background."""
    deadline = time.monotonic() + 60
    while not is_gone() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_gone()


def test_an_output_knows_the_sha256_of_its_files_links_aside(engine: Engine) -> None:
    def files(job: Job) -> None:
        (job.output / "folder").mkdir()
        (job.output / "folder/program").write_text("content")
        (job.output / "folder/program").chmod(0o755)
        (job.output / "text").symlink_to("folder/program")

    entry = engine.build(plan(Node("only", CallStage("text", files))))["only"]
    assert entry.sums == {"folder/program": hashlib.sha256((entry.output / "folder/program").read_bytes()).hexdigest()}


@pytest.mark.parametrize("bad", ["/tmp/evil", "../evil", "link/evil"])
def test_an_archive_that_leads_out_of_the_store_is_refused(store: Store, tmp_path: Path, bad: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(bad))
    with pytest.raises(BadArchive, match="leads out of the store"):
        import_(store, tmp_path / "bad.tar")
    assert not list(outside.iterdir())
