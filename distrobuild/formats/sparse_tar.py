"""An archive with one sparse file in GNU tar's old format, which is what Compute Engine asks for.

Format: GNU tar manual, "Storing Sparse Files" and "Basic Tar Format": a header of type `S` lists where data stands,
more of the list follows in blocks of its own, then comes the data alone. The list is made by reading, so the archive
depends on the file's bytes only, and not on where a file system keeps holes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from gzip import GzipFile
from typing import BinaryIO

from distrobuild.formats import sparse

BLOCK = 512
RECORD = 20 * BLOCK
"""An archive is filled up to a multiple of this."""
IN_HEADER, IN_EXTENSION = 4, 21
"""How many entries of the list fit."""
COPY_SIZE = 1 << 20

Extent = tuple[int, int]


def write_archive(archive: BinaryIO | GzipFile, name: str, source: BinaryIO, size: int, epoch: int) -> None:
    """Write an archive whose only member is `source`, called `name`, owned by root and of the time `epoch`.

    `size` in bytes is at least that of `source`; zeros follow its end.
    """
    extents = list(sparse.data_blocks(source))
    # GNU tar tells by an empty entry how far a file goes on behind its last data.
    listed = [*extents, (size, 0)]
    stored = sum(length for _, length in extents)
    position = archive.write(_header(name, stored, size, epoch, listed))
    for start in range(IN_HEADER, len(listed), IN_EXTENSION):
        more = bytes([start + IN_EXTENSION < len(listed)])
        entries = listed[start : start + IN_EXTENSION]
        position += archive.write((_entries(entries).ljust(24 * IN_EXTENSION, b"\0") + more).ljust(BLOCK, b"\0"))
    for piece in _pieces(source, extents):
        position += archive.write(piece)
    position += archive.write(bytes(-position % BLOCK + 2 * BLOCK))
    archive.write(bytes(-position % RECORD))


def _header(name: str, stored: int, size: int, epoch: int, listed: Sequence[Extent]) -> bytes:
    fields = [
        *(name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0"),
        *(_number(stored), _number(epoch), b" " * 8, b"S", bytes(100), b"ustar  \0"),
        *(bytes(32), bytes(32), bytes(8), bytes(8), bytes(12), bytes(12), bytes(12), bytes(4), bytes(1)),
        *(_entries(listed[:IN_HEADER]).ljust(24 * IN_HEADER, b"\0"), bytes([len(listed) > IN_HEADER])),
        _number(size),
    ]
    header = b"".join(fields).ljust(BLOCK, b"\0")
    return header.replace(b" " * 8, f"{sum(header):06o}\0 ".encode(), 1)


def _entries(extents: Sequence[Extent]) -> bytes:
    return b"".join(_number(offset) + _number(length) for offset, length in extents)


def _number(value: int) -> bytes:
    """A field of 12 bytes: eleven octal digits, or GNU's binary numbers from 8 GiB on."""
    return f"{value:011o}\0".encode() if value < 8**11 else b"\x80" + value.to_bytes(11, "big")


def _pieces(source: BinaryIO, extents: Sequence[Extent]) -> Iterator[bytes]:
    for start, length in extents:
        source.seek(start)
        for done in range(0, length, COPY_SIZE):
            yield source.read(min(COPY_SIZE, length - done))
