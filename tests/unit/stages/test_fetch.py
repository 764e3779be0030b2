from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import Event, StageStarted
from distrobuild.plan.graph import Node
from distrobuild.plan.key import keys
from distrobuild.stages.fetch import FetchOptions, FetchStage, File
from tests.unit.engine.small_stages import plan

CONTENT = b"a package"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def fetch(address: str, sha256: str = SHA256) -> Node:
    file = File(name="a.deb", size=len(CONTENT), sha256=sha256)
    return Node("fetch/x", FetchStage(FetchOptions(files=(file,)), {sha256: address}))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "archive" / "a.deb"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    return file


def test_a_file_arrives_under_its_name(engine: Engine, archive: Path) -> None:
    entry = engine.build(plan(fetch(archive.as_uri())))["fetch/x"]
    assert (entry.output / "a.deb").read_bytes() == CONTENT


def test_a_file_with_another_digest_is_refused_and_not_kept(engine: Engine, archive: Path) -> None:
    archive.write_bytes(b"something else")
    with pytest.raises(StageError, match=f"the lock says {SHA256}"):
        engine.build(plan(fetch(archive.as_uri())))
    assert list(engine.store.cache("fetch").iterdir()) == []


def test_a_file_that_is_gone_is_named_with_both_ways_out(engine: Engine, archive: Path) -> None:
    archive.unlink()
    with pytest.raises(StageError, match="no longer has this locked file") as error:
        engine.build(plan(fetch(archive.as_uri())))
    assert str(archive) in error.value.message
    assert "lock --update" in str(error.value.hint)
    assert "cache import" in str(error.value.hint)


def test_a_file_once_fetched_is_not_fetched_again(engine: Engine, archive: Path, seen: list[Event]) -> None:
    entry = engine.build(plan(fetch(archive.as_uri())))["fetch/x"]
    engine.store.remove(entry)
    archive.unlink()
    seen.clear()
    again = engine.build(plan(fetch(archive.as_uri())))["fetch/x"]
    assert any(isinstance(event, StageStarted) for event in seen)
    assert (again.output / "a.deb").read_bytes() == CONTENT


def test_a_file_damaged_in_the_cache_is_fetched_again(engine: Engine, archive: Path) -> None:
    entry = engine.build(plan(fetch(archive.as_uri())))["fetch/x"]
    engine.store.remove(entry)
    (engine.store.cache("fetch") / SHA256).write_bytes(b"rotten")
    again = engine.build(plan(fetch(archive.as_uri())))["fetch/x"]
    assert (again.output / "a.deb").read_bytes() == CONTENT


def test_where_a_file_comes_from_is_no_part_of_the_key(archive: Path) -> None:
    one, two = (keys(plan(fetch(url)))["fetch/x"].key for url in (archive.as_uri(), "https://elsewhere.invalid/a.deb"))
    assert one == two
