# SPDX-License-Identifier: Apache-2.0
"""The samples of a file, in batches that are read ahead."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlos_dataplane.library import ends_at, fail, library, wait
from mlos_dataplane.samples import Samples, block_size, options_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class RawBatch(ctypes.Structure):
    """`struct dp_batch`."""

    _fields_ = [
        ("number", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("samples", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("handle", ctypes.c_uint64),
    ]


class _RawSample(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("number", "offset", "size")]


class ReaderStat(ctypes.Structure):
    """How it reads, and what it has read so far. The first three are 0 or 1."""

    uring: int
    """io_uring is used; else it was refused, or is not wanted, and it is preadv(2)."""
    registered: int
    """Memory is, with io_uring: only for what goes past the page cache."""
    direct: int
    """O_DIRECT may be used."""
    reads: int
    bytes: int
    direct_bytes: int
    copied_bytes: int
    stalls: int
    """How often the reader waited for the program, all memory being full."""
    starvations: int
    """How often the program waited for the reader."""

    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("uring", "registered", "direct", "unused")),
        *(
            (name, ctypes.c_uint64)
            for name in ("reads", "bytes", "direct_bytes", "copied_bytes", "stalls", "starvations")
        ),
    ]


class Batch:
    """Samples, in the memory that they were read into.

    That memory is used for another batch when the last view of it is gone: this object, and every memoryview, array
    and tensor that was made of it. So none of them ever changes, and whoever keeps too many gets no more of them:
    `BatchesInUse`.
    """

    def __init__(self, raw: RawBatch, block: ctypes.Array[Any]) -> None:
        self.number = raw.number
        """Of the batch, from 0."""
        self.data = memoryview(block).cast("B")[: raw.size]
        """All samples, one after the other."""
        self._table = (_RawSample * raw.count).from_buffer(block, raw.samples - raw.data)

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, place: int) -> memoryview:
        """One sample."""
        sample = self._table[place]
        return self.data[sample.offset : sample.offset + sample.size]

    def __iter__(self) -> Iterator[memoryview]:
        return map(self.__getitem__, range(len(self)))

    @property
    def numbers(self) -> list[int]:
        """Of the samples in the file."""
        return [sample.number for sample in self._table]

    def array(self, dtype: DTypeLike, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
        """The samples as one NumPy array, the first dimension of which counts them; `shape` is that of one sample."""
        import numpy

        found: NDArray[Any] = numpy.frombuffer(self.data, dtype)
        return found.reshape(len(self), *shape)


def lend(raw: RawBatch, block: ctypes.Array[Any], give_back: Callable[[RawBatch], None]) -> Batch:
    """A batch in this block, which is given back when nobody looks at it any more."""
    weakref.finalize(block, give_back, raw).atexit = False
    return Batch(raw, block)


class _Handle:
    """The library's reader, which batches may outlive: then nothing is left to be given back."""

    def __init__(self, value: int) -> None:
        self._value: int | None = value
        self._lock = threading.RLock()  # a batch may go at any moment, in any thread

    def value(self) -> int:
        if self._value is None:
            raise ValueError("the reader is closed")
        return self._value

    def release(self, raw: RawBatch) -> None:
        with self._lock:
            if self._value is not None:
                library.dp_reader_release(self._value, ctypes.byref(raw))

    def close(self) -> None:
        with self._lock:
            value, self._value = self._value, None
        if value is not None:
            library.dp_reader_close(value)


class Reader:
    """An iterator over the batches of one epoch. A thread of the library reads ahead, as far as there is memory."""

    def __init__(
        self, path: str | os.PathLike[str], samples: Samples, memory: memoryview | mmap.mmap | None = None
    ) -> None:
        """Begin to read; `memory`, such as a tensor's, is to hold `prefetch` times `block_size(path, samples)` bytes.

        Raises `Damaged` if file or index are not as long as they should be, `OtherVersion` of an index file,
        OSError: EINVAL for choices that make no sense.
        """
        options, self._extents = options_of(samples)
        self._block = ctypes.c_ubyte * block_size(path, samples)
        size = ctypes.sizeof(self._block) * (samples.prefetch or 4)
        if memory is None:
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with contextlib.suppress(OSError):  # a kernel without huge pages does without
                memory.madvise(mmap.MADV_HUGEPAGE)
        self._memory = memory
        options.memory_size = memoryview(memory).nbytes
        options.memory = ctypes.addressof(ctypes.c_ubyte.from_buffer(memory))
        opened = library.dp_reader_open(os.fsencode(path), ctypes.byref(options))
        if not opened:
            raise fail(os.fspath(path))
        self._handle = _Handle(opened)
        self._start: int = options.memory
        self._batches: int = library.dp_reader_batches(opened)
        self.samples: int = library.dp_reader_samples(opened)
        """Of this rank, in all batches."""

    def __len__(self) -> int:
        """Batches in all, those that were skipped included."""
        return self._batches

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        return self.next()

    def next(self, timeout: float | None = None) -> Batch:
        """The next batch; StopIteration after the last one. A batch may be kept after the reader is closed.

        Raises `BatchesInUse`, `Damaged` if the file became shorter, BlockingIOError (timeout 0), TimeoutError.
        """
        raw = RawBatch()
        found = wait(partial(library.dp_reader_next, self._handle.value(), ctypes.byref(raw)), ends_at(timeout))
        if not found:
            raise StopIteration
        return lend(raw, self._block.from_buffer(self._memory, raw.data - self._start), self._handle.release)

    def stat(self) -> ReaderStat:
        """How it reads, as of now."""
        made = ReaderStat()
        if library.dp_reader_stat(self._handle.value(), ctypes.byref(made)) < 0:
            raise fail()
        return made

    def close(self) -> None:
        """Stop reading. Once is enough, more do no harm."""
        if handle := getattr(self, "_handle", None):
            handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    __del__ = close
