# SPDX-License-Identifier: Apache-2.0
"""The structures of Arrow's C Data Interface and the capsules that Python hands them on in.

https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

import ctypes
from typing import Any

from mlos_dataplane.library import library

_POINTER, _TEXT, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64


class Schema(ctypes.Structure):
    """struct ArrowSchema."""

    _fields_ = [
        ("format", _TEXT), ("name", _TEXT), ("metadata", _POINTER), ("flags", _NUMBER), ("n_children", _NUMBER),
        ("children", _POINTER), ("dictionary", _POINTER), ("release", _POINTER), ("private_data", _POINTER),
    ]  # fmt: skip


class Array(ctypes.Structure):
    """struct ArrowArray."""

    _fields_ = [
        ("length", _NUMBER), ("null_count", _NUMBER), ("offset", _NUMBER), ("n_buffers", _NUMBER),
        ("n_children", _NUMBER), ("buffers", _POINTER), ("children", _POINTER), ("dictionary", _POINTER),
        ("release", _POINTER), ("private_data", _POINTER),
    ]  # fmt: skip


class Values(ctypes.Structure):
    """struct dp_arrow_values."""

    _fields_ = [
        ("format", _TEXT), ("name", _TEXT), ("data", _POINTER), ("dimensions", ctypes.c_size_t),
        ("shape", ctypes.POINTER(_NUMBER)), ("release", _POINTER), ("context", _POINTER),
    ]  # fmt: skip


class Column(ctypes.Structure):
    """struct dp_arrow_column."""

    _fields_ = [
        ("name", _TEXT), ("format", _TEXT), ("dimensions", ctypes.c_size_t), ("shape", _NUMBER * 8), ("data", _POINTER),
        ("item", ctypes.c_size_t), ("offsets", _POINTER), ("nulls", _NUMBER), ("valid", _POINTER),
        ("valid_offset", _NUMBER),
    ]  # fmt: skip


_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, _POINTER, _TEXT, _POINTER)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(_POINTER, ctypes.py_object, _TEXT)(("PyCapsule_GetPointer", _api))
_allocate = ctypes.PYFUNCTYPE(_POINTER, ctypes.c_size_t, ctypes.c_size_t)(("PyMem_RawCalloc", _api))
_refer = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", _api))
_drop = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_DecRef", _api))

_NAMES: dict[type[Schema | Array], bytes] = {Schema: b"arrow_schema", Array: b"arrow_array"}
"""A capsule points to its name, which therefore lives as long as the module."""
_DESTRUCTORS: dict[type[Schema | Array], Any] = {
    Schema: library.dp_arrow_python_drop_schema,
    Array: library.dp_arrow_python_drop_array,
}


def _address(function: Any) -> int | None:
    return ctypes.cast(function, _POINTER).value


def new_capsule(kind: type[Schema | Array]) -> tuple[object, int]:
    """A capsule with an empty structure, and where that is. They go together, unless somebody takes over the second."""
    address = _allocate(1, ctypes.sizeof(kind))
    if not address:
        raise MemoryError
    return _new(address, _NAMES[kind], _address(_DESTRUCTORS[kind])), address


def address_in(capsule: object, kind: type[Schema | Array]) -> int:
    """Where the structure of a capsule is. Raises ValueError if it is no such capsule."""
    return int(_pointer(capsule, _NAMES[kind]))


LET_GO = _address(library.dp_arrow_python_let_go)
"""A `release` of `Values`, for a context that comes from `hold`: the object goes then, in whatever thread that is."""


def hold(keeper: object) -> int:
    """Keep an object until `LET_GO` gets this context."""
    _refer(keeper)
    return id(keeper)


def forget(keeper: object) -> None:
    """Do not keep it: nothing was made with its context."""
    _drop(keeper)


class _Buffer(ctypes.Structure):
    """The beginning of Py_buffer, and room for the rest."""

    _fields_ = [("address", _POINTER), ("rest", _POINTER * 15)]


_get_buffer = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)(
    ("PyObject_GetBuffer", _api)
)
_release_buffer = ctypes.PYFUNCTYPE(None, ctypes.POINTER(_Buffer))(("PyBuffer_Release", _api))


class Borrowed:
    """Bytes that stay where they are as long as this object is there."""

    def __init__(self, view: memoryview) -> None:
        self._buffer = _Buffer()
        _get_buffer(view, self._buffer, 0)  # raises what it has to say
        self.address: int | None = self._buffer.address

    def __del__(self) -> None:
        if self._buffer.address:
            _release_buffer(self._buffer)
