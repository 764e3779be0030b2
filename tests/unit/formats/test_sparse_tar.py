from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from distrobuild.formats import sparse_tar
from distrobuild.formats.sparse import BLOCK


def archive(tmp_path: Path, size: int, pieces: dict[int, bytes], end: int) -> io.BytesIO:
    """An archive of a file with `pieces` at their offsets."""
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(size)
        for offset, piece in pieces.items():
            file.seek(offset)
            file.write(piece)
    written = io.BytesIO()
    with (tmp_path / "disk").open("rb") as file:
        sparse_tar.write_archive(written, "disk.raw", file, end, 1767225600)
    written.seek(0)
    return written


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 24, 25, 46, 47])
def test_every_number_of_pieces_can_be_read_again(tmp_path: Path, count: int) -> None:
    pieces = {2 * number * BLOCK: f"{number}".encode() * 100 for number in range(1, count + 1)}
    size = 200 * BLOCK
    with tarfile.open(fileobj=archive(tmp_path, size, pieces, size)) as found:
        (member,) = found.getmembers()
        stream = found.extractfile(member)
        assert stream is not None
        assert stream.read() == (tmp_path / "disk").read_bytes()


def test_a_file_of_more_than_8_gib_takes_the_room_of_its_data(tmp_path: Path) -> None:
    size = 13_212_057_600
    written = archive(tmp_path, size, {size - 512: b"end"}, 13 << 30)
    assert len(written.getvalue()) == sparse_tar.RECORD
    with tarfile.open(fileobj=written) as found:
        (member,) = found.getmembers()
        assert member.size == 13 << 30
        stream = found.extractfile(member)
        assert stream is not None
        stream.seek(size - 512)
        assert stream.read(512) == b"end".ljust(512, b"\0")
        assert stream.read(512) == bytes(512)
