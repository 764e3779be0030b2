"""Copying a sparse file into another keeps its holes."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats import sparse
from distrobuild.formats.sparse import copy_into, copy_part, data_blocks, data_extents, write_with_holes

MEBIBYTE = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """64 MiB with two pieces of data."""
    path = tmp_path / "source"
    with path.open("wb") as file:
        file.truncate(64 * MEBIBYTE)
        file.seek(MEBIBYTE)
        file.write(b"first" * 1000)
        file.seek(40 * MEBIBYTE)
        file.write(b"second" * 500_000)
    return path


def test_data_is_found_between_holes(source: Path) -> None:
    with source.open("rb") as file:
        extents = list(data_extents(file))
    covered = [offset for offset in (MEBIBYTE, 40 * MEBIBYTE) if any(s <= offset < s + n for s, n in extents)]
    assert covered == [MEBIBYTE, 40 * MEBIBYTE]
    assert sum(length for _, length in extents) < 8 * MEBIBYTE


def test_a_copy_has_the_content_at_its_offset_and_stays_sparse(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    with source.open("rb") as reader, target.open("w+b") as writer:
        writer.truncate(128 * MEBIBYTE)
        copy_into(reader, writer, 3 * MEBIBYTE)
    content = target.read_bytes()
    assert content[3 * MEBIBYTE : 67 * MEBIBYTE] == source.read_bytes()
    assert not any(content[: 3 * MEBIBYTE])
    assert target.stat().st_blocks * 512 < 8 * MEBIBYTE


def test_an_empty_file_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as file:
        assert list(data_extents(file)) == []


def test_a_part_is_copied_to_its_own_place_and_nothing_around_it(source: Path, tmp_path: Path) -> None:
    start, end = MEBIBYTE + 3, 41 * MEBIBYTE + 5
    target = tmp_path / "target"
    with source.open("rb") as reader, target.open("w+b") as writer:
        writer.truncate(64 * MEBIBYTE)
        copy_part(reader, writer, start, end)
    expected = bytes(start) + source.read_bytes()[start:end] + bytes(64 * MEBIBYTE - end)
    assert target.read_bytes() == expected
    assert target.stat().st_blocks * 512 < 8 * MEBIBYTE


def test_blocks_of_zeros_become_holes_whatever_the_pieces(source: Path, tmp_path: Path) -> None:
    content = source.read_bytes()
    for size in (MEBIBYTE, 5000, 64 * MEBIBYTE):
        target = tmp_path / f"target-{size}"
        with target.open("w+b") as writer:
            write_with_holes((content[start : start + size] for start in range(0, len(content), size)), writer)
        assert target.read_bytes() == content
        assert target.stat().st_blocks * 512 < 8 * MEBIBYTE


def test_zeros_at_the_end_count(tmp_path: Path) -> None:
    with (tmp_path / "target").open("w+b") as writer:
        write_with_holes([b"data", bytes(4096), b"", bytes(10)], writer)
    assert (tmp_path / "target").read_bytes() == b"data" + bytes(4106)


def test_blocks_of_data_follow_from_the_bytes_and_not_from_the_holes(tmp_path: Path) -> None:
    content = b"\0" * 4096 + b"one" + b"\0" * 20476 + b"two" + b"\0" * 5000
    whole, holes = tmp_path / "whole", tmp_path / "holes"
    whole.write_bytes(content)
    with holes.open("wb") as file:
        for place in (content.index(b"one"), content.index(b"two")):
            file.seek(place)
            file.write(content[place : place + 3])
        file.truncate(len(content))
    for path in (whole, holes):
        with path.open("rb") as stream:
            assert list(data_blocks(stream)) == [(4096, 4096), (20480, 8192)], path


def test_the_last_block_of_a_file_may_be_short(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\0" * 4096 + b"end")
    with (tmp_path / "file").open("rb") as stream:
        assert list(data_blocks(stream)) == [(4096, 3)]


def test_where_a_file_system_has_smaller_blocks_each_byte_still_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    # As a file system with blocks of 1 KiB would tell it: the end of one block of ours, the start of another.
    monkeypatch.setattr(sparse, "data_extents", lambda _file: iter([(3072, 2048), (6144, 1024), (50_176, 1024)]))
    with (tmp_path / "file").open("rb") as stream:
        assert list(data_blocks(stream)) == [(0, 8192), (49_152, 4096)]
