# SPDX-License-Identifier: Apache-2.0
"""The structures of Arrow's C Data Interface and the capsules that Python hands them on in.

https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable

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


_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_pointer_while_it_goes = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", _api)
)

_NAMES: dict[type[Schema | Array], bytes] = {Schema: b"arrow_schema", Array: b"arrow_array"}
"""A capsule points to its name, which therefore lives as long as the module."""

_in_capsules: dict[int, Schema | Array] = {}
"""Structures by their address, until the capsule goes."""


def release(structure: Schema | Array) -> None:
    """Call the maker's function, unless that was done or somebody else has taken it over."""
    if structure.release:
        _Release(structure.release)(ctypes.addressof(structure))


def _destructor_for(name: bytes) -> Callable[[int], None]:
    def destroy(capsule: int) -> None:
        structure = _in_capsules.pop(_pointer_while_it_goes(capsule, name))
        release(structure)

    return destroy


_destructors = {kind: _Destructor(_destructor_for(name)) for kind, name in _NAMES.items()}


def capsule_of(structure: Schema | Array) -> object:
    """A capsule that releases what nobody has taken out of it."""
    address = ctypes.addressof(structure)
    _in_capsules[address] = structure
    kind = type(structure)
    return _new(address, _NAMES[kind], _destructors[kind])


def address_in(capsule: object, kind: type[Schema | Array]) -> int:
    """Where the structure of a capsule is. Raises ValueError if it is no such capsule."""
    return int(_pointer(capsule, _NAMES[kind]))


class _Buffer(ctypes.Structure):
    """The beginning of Py_buffer, and room for the rest."""

    _fields_ = [("address", _POINTER), ("rest", _POINTER * 15)]


_get_buffer = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)(
    ("PyObject_GetBuffer", _api)
)
_release_buffer = ctypes.PYFUNCTYPE(None, ctypes.POINTER(_Buffer))(("PyBuffer_Release", _api))


def borrow(view: memoryview) -> tuple[int | None, Callable[[], None]]:
    """The address of bytes, which stay there until the function is called, whoever else lets go of them."""
    buffer = _Buffer()
    _get_buffer(view, buffer, 0)  # raises what it has to say
    return buffer.address, lambda: _release_buffer(buffer)


_held: dict[int, Callable[[], None]] = {}
_numbers = itertools.count(1)


def _let_go(number: int) -> None:
    _held.pop(number)()


let_go = _Release(_let_go)
"""A `release` of `Values`, for a context that comes from `hold`."""


def hold(when_released: Callable[[], None]) -> int:
    """A context for `let_go`, by which this is called then, in whatever thread that is."""
    number = next(_numbers)
    _held[number] = when_released
    return number


def forget(number: int) -> None:
    """Nothing was made with this context: call it now."""
    _let_go(number)
