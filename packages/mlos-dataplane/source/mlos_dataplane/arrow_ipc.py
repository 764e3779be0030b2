# SPDX-License-Identifier: Apache-2.0
"""Arrow's IPC format, by pyarrow: batches into files, streams and shared memory, and out of them without a copy.

    from mlos_dataplane import arrow, arrow_ipc

    arrow_ipc.write("samples.arrow", [[arrow.Array(pixels, name="pixels"), arrow.Array(labels, name="labels")]])
    for batch in arrow_ipc.read("samples.arrow"):   # mapped: what nobody looks at is not read
        pixels, labels = (column.numpy() for column in batch)

pyarrow is optional: everything else here does without.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mlos_dataplane import arrow
from mlos_dataplane.arrow import Array, BadArray, Column
from mlos_dataplane.library import DataplaneError

FILE_MAGIC = b"ARROW1"
"""How a file begins; a stream does not. https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format"""


class NoArrow(DataplaneError):
    """pyarrow is not installed."""

    hint = "Install it: pip install pyarrow."


class TooSmall(DataplaneError):
    """The memory that was given has no room for the batches."""

    hint = "Ask `size_of` first."


def _pyarrow() -> Any:
    try:
        import pyarrow  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise NoArrow(errno.ENOTSUP, f"{error}") from None
    return pyarrow


Batch = Sequence[Array] | Any
"""Named columns of one length, or a record batch of pyarrow's."""


def write(sink: str | os.PathLike[str] | BinaryIO | memoryview, batches: Iterable[Batch]) -> int:
    """Write batches of one schema, and return how many bytes that took.

    A path gets an IPC file. A file object, such as a socket's or a pipe's, and memory, such as a tensor's, get a
    stream. Raises `NoArrow`, `TooSmall`, ValueError for columns that do not belong together, OSError.
    """
    pyarrow = _pyarrow()
    converted = _record_batches(pyarrow, batches)
    if isinstance(sink, (str, os.PathLike)):
        with pyarrow.OSFile(os.fspath(sink), "wb") as file:
            return _write(pyarrow.ipc.new_file, file, converted)
    if isinstance(sink, memoryview):
        return _write_into(pyarrow, sink, converted)
    return _write(pyarrow.ipc.new_stream, pyarrow.PythonFile(sink, "w"), converted)


def size_of(batches: Iterable[Batch]) -> int:
    """The bytes that `write` into memory takes for them. Raises as that does."""
    pyarrow = _pyarrow()
    return _write(pyarrow.ipc.new_stream, pyarrow.MockOutputStream(), _record_batches(pyarrow, batches))


def read(source: str | os.PathLike[str] | BinaryIO | memoryview) -> Iterator[list[Column]]:
    """The batches of a file (by its path, mapped), of a file object with a stream, or of memory with either.

    Columns of a mapped file and of memory are seen where they are. Raises `NoArrow`; `BadArray` if it is no Arrow data
    or is truncated; `UnsupportedArray`; OSError.
    """
    pyarrow = _pyarrow()
    return _batches(pyarrow, source)


def _batches(pyarrow: Any, source: Any) -> Iterator[list[Column]]:
    try:
        for batch in _record_batches_in(pyarrow, source):
            batch.validate()
            yield arrow.read(batch)
    except pyarrow.ArrowInvalid as error:
        raise BadArray(errno.EBADMSG, f"{error}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise BadArray(errno.EBADMSG, f"{error}") from None  # pyarrow's, for data that end too early


def _record_batches_in(pyarrow: Any, source: Any) -> Iterator[Any]:
    if isinstance(source, (str, os.PathLike)):
        # Nothing can be mapped of an empty file.
        source = pyarrow.memory_map(os.fspath(source)) if Path(source).stat().st_size else memoryview(b"")
    if isinstance(source, memoryview):
        source = pyarrow.BufferReader(pyarrow.py_buffer(source))
    if hasattr(source, "seek") and isinstance(source, pyarrow.NativeFile):
        magic = source.read(len(FILE_MAGIC))
        source.seek(0)
        if magic == FILE_MAGIC:
            file = pyarrow.ipc.open_file(source)
            yield from (file.get_batch(number) for number in range(file.num_record_batches))
            return
    yield from pyarrow.ipc.open_stream(source)


def _record_batches(pyarrow: Any, batches: Iterable[Batch]) -> Iterator[Any]:
    for batch in batches:
        if isinstance(batch, pyarrow.RecordBatch):
            yield batch
            continue
        try:
            yield pyarrow.record_batch([pyarrow.array(column) for column in batch], [column.name for column in batch])
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{error}") from None


def _write(opener: Any, sink: Any, batches: Iterator[Any]) -> int:
    """Raises ValueError where there is no batch: without one there is no schema."""
    first = next(batches, None)
    if first is None:
        raise ValueError("no batches, and so no schema")
    with opener(sink, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
    return int(sink.tell())


def _write_into(pyarrow: Any, memory: memoryview, batches: Iterator[Any]) -> int:
    sink = pyarrow.FixedSizeBufferWriter(pyarrow.py_buffer(memory))
    try:
        return _write(pyarrow.ipc.new_stream, sink, batches)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{error}") from None
    except OSError as error:
        raise TooSmall(errno.ENOSPC, f"{error}") from None
