"""Copy what a sparse file holds, and leave its holes out: an image of many gigabytes has a few hundred megabytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import BinaryIO

COPY_SIZE = 1 << 20


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


def copy_into(source: BinaryIO, target: BinaryIO, offset: int) -> None:
    """Copy all data of `source` to `offset` bytes of `target`, which must be empty there."""
    for start, length in data_extents(source):
        source.seek(start)
        target.seek(offset + start)
        for done in range(0, length, COPY_SIZE):
            target.write(source.read(min(COPY_SIZE, length - done)))
