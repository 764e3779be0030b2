"""Copy what a sparse file holds, and leave its holes out: an image of many gigabytes has a few hundred megabytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

COPY_SIZE = 1 << 20
BLOCK = 4096
ZEROS = bytes(BLOCK)


def data_extents(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Offset and length of each part that holds data, in bytes (lseek(2), SEEK_DATA)."""
    end = 0
    while True:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                return
            raise
        end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, end - start


def write_with_holes(pieces: Iterable[bytes], target: BinaryIO) -> None:
    """Write the pieces one after another into an empty file, and leave a hole for each block of zeros.

    Blocks are counted from the beginning of a piece: pieces of whole blocks give the most holes.
    """
    end = 0
    for piece in pieces:
        if piece.count(0) < len(piece):
            for start in range(0, len(piece), BLOCK):
                block = piece[start : start + BLOCK]
                if block != ZEROS[: len(block)]:
                    target.seek(end + start)
                    target.write(block)
        end += len(piece)
    target.truncate(end)


def copy_part(source: BinaryIO, target: BinaryIO, start: int, end: int, to: int | None = None) -> None:
    """Copy the data of `source` from byte `start` up to `end` to byte `to` of `target`, which must be empty there.

    By default it comes to the same place.
    """
    shift = 0 if to is None else to - start
    for first, length in data_extents(source):
        position, last = max(first, start), min(first + length, end)
        while position < last:
            source.seek(position)
            target.seek(position + shift)
            position += target.write(source.read(min(COPY_SIZE, last - position)))


def cut_out(source: BinaryIO, target: BinaryIO, start: int, end: int) -> None:
    """Make `target`, which must be empty, the part of `source` from byte `start` up to `end`."""
    copy_part(source, target, start, end, to=0)
    target.truncate(end - start)


def copy_into(source: BinaryIO, target: BinaryIO, offset: int) -> None:
    """Copy all data of `source` to `offset` bytes of `target`, which must be empty there."""
    for start, length in data_extents(source):
        source.seek(start)
        target.seek(offset + start)
        for done in range(0, length, COPY_SIZE):
            target.write(source.read(min(COPY_SIZE, length - done)))


def data_blocks(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Offset and length of each run of blocks that are not all zeros, in bytes; only the file's last block is shorter.

    They follow from the bytes alone, while `data_extents` also shows how the file was written.
    """
    begin = end = 0
    for first, piece in _aligned_pieces(file):
        for start in range(0, len(piece), BLOCK):
            block = piece[start : start + BLOCK]
            if block == ZEROS[: len(block)]:
                continue
            if first + start != end:
                if begin < end:
                    yield begin, end - begin
                begin = first + start
            end = first + start + len(block)
    if begin < end:
        yield begin, end - begin


def _aligned_pieces(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The data of a file with its offset, in whole blocks, each once."""
    position = 0
    for start, length in data_extents(file):
        position = max(position, start - start % BLOCK)
        while position < start + length:
            file.seek(position)
            piece = file.read(min(COPY_SIZE, -(-(start + length - position) // BLOCK) * BLOCK))
            yield position, piece
            position += len(piece)
