# SPDX-License-Identifier: Apache-2.0
"""Memory that a device works on, seen as arrays without a copy."""

from __future__ import annotations

import ctypes
import math
import mmap
import weakref
from collections.abc import Sequence
from typing import Any

from mlaccel.library import Handle, Held, Part, call

ITEM_SIZES = {"int8": 1, "uint8": 1, "int32": 4, "uint32": 4, "float32": 4}
"""Bytes of an element, of the types that devices know."""


def size_of(shape: Sequence[int], dtype: str) -> int:
    """Bytes of an array. Raises ValueError for a type that no device knows."""
    if dtype not in ITEM_SIZES:
        raise ValueError(f"devices know no {dtype}: {', '.join(ITEM_SIZES)}")
    return math.prod(shape) * ITEM_SIZES[dtype]


class Buffer(Held):
    """An array in the memory of a device, a whole buffer or a part of one. Views of it stay valid when it is closed."""

    def __init__(self, handle: Handle, shape: Sequence[int], dtype: str, offset: int = 0) -> None:
        """Use `Device.buffer`, `Device.import_fd` or `Device.tensor`. Raises ValueError if it is too large."""
        super().__init__(handle)
        self.shape, self.dtype, self.offset = tuple(shape), dtype, offset
        self.size = size_of(self.shape, dtype)
        """Bytes."""
        capacity = int(call("buffer_size", handle.number))
        if not 0 <= offset <= capacity or self.size > capacity - offset:
            raise ValueError(f"{self.size} bytes from byte {offset} are more than a buffer of {capacity} has")

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def part(self, offset: int, shape: Sequence[int], dtype: str | None = None) -> Buffer:
        """An array that begins `offset` bytes later in the same memory. Raises ValueError if it does not lie in it."""
        return Buffer(self.handle, shape, dtype or self.dtype, self.offset + offset)

    def export(self) -> int:
        """A new file descriptor of a dma-buf over all of the buffer, for others; it is the caller's to close."""
        return int(call("buffer_export", self.handle.number))

    def view(self) -> memoryview:
        """Its bytes, to be read and written. Raises OSError: ENOTSUP if they were imported."""
        handle = self.handle.number
        address, length = call("buffer_map", handle), int(call("buffer_size", handle))
        memory = (ctypes.c_ubyte * length).from_address(address)
        weakref.finalize(memory, _unmap, address, length).atexit = False
        return memoryview(memory).cast("B")[self.offset : self.offset + self.size]

    def numpy(self) -> Any:
        """A NumPy array over its memory. Raises OSError: ENOTSUP if it was imported."""
        import numpy  # only who asks for arrays needs it

        return numpy.ndarray(self.shape, self.dtype, buffer=self.view())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """For `numpy.asarray`: without a copy, unless another type is asked for."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"{array.dtype} cannot be seen as {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __buffer__(self, flags: int) -> memoryview:
        """The buffer protocol (Python 3.12 and later): `memoryview(buffer)`, `bytes(buffer)`."""
        return self.view()

    @property
    def where(self) -> Part:
        """For the library: where it begins."""
        return Part(buffer=self.handle.number, offset=self.offset)


_munmap = ctypes.CDLL(None).munmap
_munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def _unmap(address: int, length: int) -> None:
    # Not by mlaccel_buffer_unmap(): a view may outlive its buffer.
    _munmap(address, -(-length // mmap.PAGESIZE) * mmap.PAGESIZE)
