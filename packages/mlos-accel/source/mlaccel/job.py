# SPDX-License-Identifier: Apache-2.0
"""Jobs: operations on buffers, whose shapes say the rest."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

from mlaccel import library
from mlaccel.buffer import Buffer
from mlaccel.library import Convolution, Handle, call

TYPES = {"int8": (library.INT8, "int32"), "float32": (library.FP32, "float32")}
"""Of elements: the library's number, and the type of sums of products."""


def _type_of(operand: Buffer) -> int:
    if operand.dtype not in TYPES:
        raise ValueError(f"devices compute in {' and '.join(TYPES)}, not in {operand.dtype}")
    return TYPES[operand.dtype][0]


def _expect(array: Buffer, name: str, shape: Sequence[int], dtype: str) -> None:
    """Raises ValueError."""
    if (array.shape, array.dtype) != (tuple(shape), dtype):
        raise ValueError(f"the {name} is {array.dtype} {array.shape} and should be {dtype} {tuple(shape)}")


def _sides(array: Buffer, name: str, count: int) -> tuple[int, ...]:
    """Its shape. Raises ValueError."""
    if len(array.shape) != count:
        raise ValueError(f"the {name} has {len(array.shape)} dimensions and should have {count}")
    return array.shape


class Job:
    """Operations, done one after the other: at most 64, on at most 16 different parts of buffers of one device.

    Each method adds one and returns the job: `Job().add(...).relu(...)`. All arrays are row-major. Shapes and types
    that do not fit raise ValueError; what the library refuses raises OSError. A job can be given many times.
    """

    def __init__(self) -> None:
        self._handle = Handle(call("job_create"), "job_close")

    def nop(self) -> Job:
        """Nothing."""
        call("nop", self.handle)
        return self

    def copy(self, to: Buffer, source: Buffer) -> Job:
        """The bytes of `source` become those of `to`."""
        if to.size != source.size:
            raise ValueError(f"{source.size} bytes cannot be copied into {to.size}")
        call("copy", self.handle, to.where, source.where, source.size)
        return self

    def matmul(self, to: Buffer, left: Buffer, right: Buffer) -> Job:
        """(m, n) becomes (m, k) times (k, n); of int8, sums are int32."""
        kind = _type_of(left)
        (m, k), (_, n) = _sides(left, "left matrix", 2), _sides(right, "right matrix", 2)
        _expect(right, "right matrix", (k, n), left.dtype)
        _expect(to, "product", (m, n), TYPES[left.dtype][1])
        call("matmul", self.handle, kind, to.where, left.where, right.where, m, n, k)
        return self

    def convolution(self, to: Buffer, images: Buffer, filters: Buffer, stride: int = 1) -> Job:
        """(batch, height, width, channels) seen through (filters, rows, columns, channels), without padding."""
        kind = _type_of(images)
        batch, height, width, channels = _sides(images, "images", 4)
        count, rows, columns, _ = _sides(filters, "filters", 4)
        _expect(filters, "filters", (count, rows, columns, channels), images.dtype)
        if not (0 < rows <= height and 0 < columns <= width and stride > 0):
            raise ValueError(f"filters of {rows} x {columns} in steps of {stride} do not fit {height} x {width}")
        result = (batch, (height - rows) // stride + 1, (width - columns) // stride + 1, count)
        _expect(to, "result", result, TYPES[images.dtype][1])
        shape = Convolution(batch, height, width, channels, count, rows, columns, stride)
        call("convolve", self.handle, kind, to.where, images.where, filters.where, ctypes.byref(shape))
        return self

    def add(self, to: Buffer, left: Buffer, right: Buffer) -> Job:
        """Element by element; int8 is cut off at -128 and 127."""
        return self._elementwise("add", to, left, right)

    def multiply(self, to: Buffer, left: Buffer, right: Buffer) -> Job:
        """Element by element; int8 is cut off at -128 and 127."""
        return self._elementwise("multiply", to, left, right)

    def relu(self, to: Buffer, source: Buffer) -> Job:
        """Element by element: 0 for what is less."""
        return self._elementwise("relu", to, source)

    def factorial(self, to: Buffer, source: Buffer) -> Job:
        """Element by element, uint32, modulo 2**32."""
        for each, name in ((to, "result"), (source, "operand")):
            _expect(each, name, source.shape, "uint32")
        call("factorial", self.handle, to.where, source.where, math.prod(source.shape))
        return self

    def _elementwise(self, name: str, to: Buffer, *operands: Buffer) -> Job:
        first = operands[0]
        kind = _type_of(first)
        for each in (to, *operands):
            _expect(each, "result" if each is to else "operand", first.shape, first.dtype)
        call(name, self.handle, kind, to.where, *(each.where for each in operands), math.prod(first.shape))
        return self

    @property
    def handle(self) -> int:
        """The library's handle, for the rest of this package."""
        return self._handle.number
