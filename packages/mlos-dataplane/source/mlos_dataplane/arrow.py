# SPDX-License-Identifier: Apache-2.0
"""Memory as Arrow arrays and Arrow arrays as memory, without a copy. See dp_arrow(3).

    from mlos_dataplane import arrow

    images = arrow.Array(memory, "float32", (1000, 3, 224, 224))   # any memory, a tensor's as well
    pyarrow.array(images)                        # or nanoarrow, Polars, DuckDB: whoever knows Arrow's interface
    for column in arrow.read(record_batch):      # of any of those
        torch.from_numpy(column.numpy())

What somebody reads stays as long as it is needed, on both sides.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mlos_dataplane import arrow_memory
from mlos_dataplane.library import DataplaneError, library
from mlos_dataplane.pool import Lent, Pool

_FORMATS = {
    "int8": "c", "uint8": "C", "int16": "s", "uint16": "S", "int32": "i", "uint32": "I", "int64": "l", "uint64": "L",
    "float16": "e", "float32": "f", "float64": "g",
}  # fmt: skip
"""Arrow's names by NumPy's."""
_DTYPES = {arrow: dtype for dtype, arrow in _FORMATS.items()} | {"z": "bytes", "Z": "bytes", "u": "text", "U": "text"}
_KINDS = {**dict.fromkeys("bhilqn", "int"), **dict.fromkeys("BHILQN", "uint"), **dict.fromkeys("efd", "float")}
"""Of an element, by the format of a memoryview; its size says the rest."""


class BadArray(DataplaneError):
    """An Arrow array that contradicts itself."""

    hint = "Whoever made it did not follow Arrow's C Data Interface."


class UnsupportedArray(DataplaneError):
    """A type that Arrow or this module does not have, or a tensor with holes."""

    hint = "Cast it first: booleans to uint8, bfloat16 to uint16, dictionaries to their values; fill what is null."


def _unsupported(what: str) -> UnsupportedArray:
    return UnsupportedArray(errno.ENOTSUP, what)


def _fail(what: str) -> Exception:
    """What to raise for the errno of the last call."""
    number = ctypes.get_errno()
    if number == errno.EINVAL:
        return ValueError(what)
    kinds: dict[int, type[OSError]] = {errno.EBADMSG: BadArray, errno.ENOTSUP: UnsupportedArray}
    return kinds.get(number, OSError)(number, f"{what}: {os.strerror(number)}")


def _bytes_of(dtype: str, shape: Sequence[int]) -> int:
    """Raises `UnsupportedArray` for a type that Arrow does not have, ValueError for a shape that cannot be."""
    if dtype not in _FORMATS:
        raise _unsupported(f"Arrow has no {dtype}")
    if not shape or any(length < 0 for length in shape):
        raise ValueError(f"an array has rows, and no negative number of anything: {tuple(shape)}")
    return math.prod(shape) * int(dtype.lstrip("uintfloa")) // 8


class Array:
    """Elements in memory as an Arrow array, for whoever calls `__arrow_c_array__`.

    Rows of several elements are tensors (`arrow.fixed_shape_tensor`). The memory stays until the last array made of it
    is released; that nobody writes to it meanwhile is up to its owner.
    """

    def __init__(
        self, memory: Any, dtype: str | None = None, shape: Sequence[int] | None = None, *, name: str = ""
    ) -> None:
        """Anything with the buffer protocol, in one piece; `dtype` (NumPy's name) and `shape` are its own if not given.

        Raises `UnsupportedArray` for a type that Arrow does not have, ValueError for a shape that does not fit.
        """
        view = memoryview(memory)
        if not view.c_contiguous:
            raise ValueError("the memory is not in one piece, row by row")
        self.dtype = dtype or f"{_KINDS.get(view.format.lstrip('@=<'), view.format)}{view.itemsize * 8}"
        if shape is None:
            shape = (view.nbytes // _bytes_of(dtype, (1,)),) if dtype else view.shape or ()
        self.shape = tuple(shape)
        self.name = name
        if _bytes_of(self.dtype, self.shape) != view.nbytes:
            raise ValueError(f"{view.nbytes} bytes are no {self.dtype} of shape {self.shape}")
        bytes_of_it = view.cast("B") if view.nbytes else memoryview(b"")
        self._keeper: Callable[[], arrow_memory.Borrowed | Lent] = partial(arrow_memory.Borrowed, bytes_of_it)

    @classmethod
    def of_tensor(cls, tensor: Any) -> Array:
        """A tensor of the module `tensormem`, with the type, shape and name that it says itself.

        Raises `UnsupportedArray`, also for one with strides.
        """
        info = tensor.info
        if info.strides is not None:
            raise _unsupported("the tensor's rows do not lie one after the other")
        return cls(tensor.view(), info.dtype or "uint8", info.shape if info.dtype else (info.size,), name=info.name)

    @classmethod
    def of_block(cls, pool: Pool, handle: int, dtype: str, shape: Sequence[int], *, name: str = "") -> Array:
        """The beginning of a block of ours, to be exported once: it is given back when that array is released.

        Raises ValueError if the block is too small, and what `Pool.block` does.
        """
        size = _bytes_of(dtype, shape)
        with pool.block(handle) as block:
            if size > len(block):
                raise ValueError(f"{size} bytes do not fit into a block of {len(block)}")
        made = cls(b"", "uint8", (0,), name=name)
        made.dtype, made.shape = dtype, tuple(shape)
        made._keeper = partial(pool.lend, handle)
        return made

    def __arrow_c_schema__(self) -> object:
        """A capsule with the type alone."""
        nothing = arrow_memory.Borrowed(memoryview(b""))
        return self._export((0, *self.shape[1:]), nothing)[0]

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Two capsules, type and elements. A type that is requested is not made: whoever asks may cast."""
        return self._export(self.shape, self._keeper())

    def _export(self, shape: tuple[int, ...], keeper: arrow_memory.Borrowed | Lent) -> tuple[object, object]:
        schema, schema_place = arrow_memory.new_capsule(arrow_memory.Schema)
        array, array_place = arrow_memory.new_capsule(arrow_memory.Array)
        values = arrow_memory.Values(
            format=_FORMATS[self.dtype].encode(),
            name=self.name.encode(),
            data=keeper.address,
            dimensions=len(shape),
            shape=(ctypes.c_int64 * len(shape))(*shape),
            release=arrow_memory.LET_GO,
            context=arrow_memory.hold(keeper),
        )
        if library.dp_arrow_export(ctypes.byref(values), schema_place, array_place) < 0:
            arrow_memory.forget(keeper)
            raise _fail(f"{self.dtype} of shape {shape}")
        return schema, array


class _Imported:
    """An array that was taken over; released when no column and no view of it is left."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        weakref.finalize(self, library.dp_arrow_release, handle).atexit = False


class Column:
    """A column of somebody else's. Views of it keep the memory alive."""

    def __init__(self, imported: _Imported, number: int) -> None:
        """One of those that `read` returns."""
        self._imported = imported
        self._column = arrow_memory.Column()
        library.dp_arrow_column(imported.handle, number, ctypes.byref(self._column))
        self.name: str = self._column.name.decode("utf-8", "replace")
        arrow = self._column.format.decode("ascii")
        self.dtype: str = _DTYPES.get(arrow, f"V{self._column.item}")
        """NumPy's name; `bytes` and `text` for rows of any length."""
        self.shape: tuple[int, ...] = tuple(self._column.shape[: self._column.dimensions])
        self.nulls: int = self._column.nulls
        """Rows without a value."""

    def is_null(self, row: int) -> bool:
        """Whether this row has no value. Raises IndexError."""
        if not 0 <= row < self.shape[0]:
            raise IndexError(row)
        if not self._column.valid:
            return False
        place = self._column.valid_offset + row
        return not ctypes.c_uint8.from_address(self._column.valid + place // 8).value >> place % 8 & 1

    def view(self) -> memoryview:
        """The bytes of all rows, null or not, read-only. Raises `UnsupportedArray` for rows of any length."""
        if not self._column.item:
            raise _unsupported(f"rows of {self.dtype} have no common length: take them one by one")
        return self._memory(self._column.data, math.prod(self.shape) * self._column.item)

    def numpy(self) -> Any:
        """All rows as a read-only NumPy array. Raises `UnsupportedArray` if rows have no value, or no common length."""
        import numpy  # only who asks for arrays needs it

        if self.nulls:
            raise _unsupported(f"{self.nulls} rows have no value")
        return numpy.frombuffer(self.view(), self.dtype).reshape(self.shape)

    def rows(self) -> Iterator[memoryview | None]:
        """Row by row, read-only; None for one without a value."""
        for row in range(self.shape[0]):
            yield None if self.is_null(row) else self._row(row)

    def _row(self, row: int) -> memoryview:
        if self._column.item:
            size = math.prod(self.shape[1:]) * self._column.item
            return self._memory(self._column.data + row * size, size)
        place = ctypes.c_void_p()
        size = library.dp_arrow_bytes(ctypes.byref(self._column), row, ctypes.byref(place))
        return self._memory(place.value, size)

    def _memory(self, address: int | None, size: int) -> memoryview:
        if not size or not address:
            return memoryview(b"")
        memory = (ctypes.c_ubyte * size).from_address(address)
        weakref.finalize(memory, _let_go, self._imported).atexit = False
        return memoryview(memory).cast("B").toreadonly()


def _let_go(imported: _Imported) -> None:
    """The reference to it goes with the call."""


def read(source: Any) -> list[Column]:
    """The columns of a record batch, or the one of an array, of whoever has `__arrow_c_array__`.

    Raises `BadArray`, `UnsupportedArray`, TypeError for what is neither.
    """
    if not hasattr(source, "__arrow_c_array__"):
        raise TypeError(f"{type(source).__name__} is no Arrow array or record batch")
    schema, array = source.__arrow_c_array__()
    places = arrow_memory.address_in(schema, arrow_memory.Schema), arrow_memory.address_in(array, arrow_memory.Array)
    handle = library.dp_arrow_import(*places)
    if not handle:
        raise _fail("the array")
    imported = _Imported(handle)
    return [Column(imported, number) for number in range(library.dp_arrow_columns(handle))]
