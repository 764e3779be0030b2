# SPDX-License-Identifier: Apache-2.0
"""Which samples of a file are read, in which order and how."""

from __future__ import annotations

import array
import ctypes
import enum
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

from mlos_dataplane.library import fail, library

BATCH_MESSAGE = 64
"""Bytes of a message of the ring between a `Feed` and a `BatchReceiver`."""


class Cache(enum.IntEnum):
    """What the page cache has to do with it."""

    AUTO = 0
    """Fill it with a file that takes less than half of the memory; read past it what it lacks of larger ones."""
    FILL = 1
    BYPASS = 2


Extents = Sequence[tuple[int, int]]
"""Offset and size of each sample in a file, in bytes."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of a file: all of one size (`record_size`), or where an index says.

    Rank `rank` of `world` gets its share of them, each sample once. A seed other than 0 shuffles them, for each epoch
    in another way, and the same way on all ranks.
    """

    batch: int
    """Samples of a batch; the last one may have fewer."""
    record_size: int = 0
    first: int = 0
    """Of samples of one size: the offset of the first one."""
    records: int = 0
    """How many of these there are; 0: as many as there are up to the file's end."""
    index: str | os.PathLike[str] | Extents | None = None
    """A file that `write_index` made, or what it would be made of."""
    seed: int = 0
    epoch: int = 0
    rank: int = 0
    world: int = 1
    prefetch: int = 4
    """Batches that there is memory for; those that the program has count as well."""
    depth: int = 32
    """Reads at once."""
    cache: Cache = Cache.AUTO
    any_order: bool = False
    """Batches as they are complete."""
    whole_batches: bool = False
    """Leave out the last samples if they are fewer than a batch."""
    io_uring: bool = True
    """Use it where the kernel lets us."""
    skip: int = 0
    """Batches that were read before."""


_WORDS = ("record_size", "first", "records", "seed", "epoch", "skip")
_HALVES = ("rank", "world", "batch", "prefetch", "depth", "cache")
_FLAGS = {"any_order": 1, "whole_batches": 2}
_NO_URING = 4


class Options(ctypes.Structure):
    """`struct dp_reader_options`."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("record_size", "first", "records")),
        ("index", ctypes.c_void_p),
        ("index_path", ctypes.c_char_p),
        *((name, ctypes.c_uint64) for name in ("seed", "epoch")),
        *((name, ctypes.c_uint32) for name in ("rank", "world", "batch", "prefetch")),
        *((name, ctypes.c_uint32) for name in ("depth", "flags", "cache", "unused")),
        ("skip", ctypes.c_uint64),
        ("memory", ctypes.c_void_p),
        ("memory_size", ctypes.c_size_t),
    ]


def _numbers(index: Extents) -> array.array[int]:
    return array.array("Q", itertools.chain.from_iterable(index))


def options_of(samples: Samples) -> tuple[Options, array.array[int]]:
    """What the library is told, and what must live as long as it reads.

    Raises ValueError for numbers that no field can hold.
    """
    made, extents = Options(), array.array("Q")
    for name in (*_WORDS, *_HALVES):
        value = getattr(samples, name)
        if not 0 <= value < 1 << (64 if name in _WORDS else 32):
            raise ValueError(f"{name} cannot be {value}")
        setattr(made, name, value)
    for name, flag in _FLAGS.items():
        made.flags |= flag if getattr(samples, name) else 0
    made.flags |= 0 if samples.io_uring else _NO_URING
    if isinstance(samples.index, str | os.PathLike):
        made.index_path = os.fsencode(samples.index)
    elif samples.index is not None:
        extents = _numbers(samples.index)
        made.records = len(extents) // 2
        extents.append(0)  # so that an empty one has an address as well
        made.index = extents.buffer_info()[0]
    return made, extents


def block_size(path: str | os.PathLike[str], samples: Samples) -> int:
    """Bytes of memory that a batch takes: at least this is a pool's `block_size`. Raises what `Reader` does."""
    options, _extents = options_of(samples)
    size: int = library.dp_reader_block_size(os.fsencode(path), ctypes.byref(options))
    if size < 0:
        raise fail(os.fspath(path))
    return size


def write_index(path: str | os.PathLike[str], of: str | os.PathLike[str], index: Extents) -> None:
    """Write offset and size of each sample in the file `of` to an index file.

    Raises OSError: EINVAL if `of` is too short.
    """
    numbers = _numbers(index)
    address, count = numbers.buffer_info()
    if library.dp_index_write(os.fsencode(path), os.fsencode(of), address, count // 2) < 0:
        raise fail(os.fspath(path))
