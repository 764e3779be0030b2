# SPDX-License-Identifier: Apache-2.0
"""libtensormem's structures and functions, as mlos/tensormem.h has them. What fails raises OSError."""

from __future__ import annotations

import ctypes
import os
from typing import Any

NAME_LENGTH = 64
DIMENSIONS = 8

CREATE_HUGE, CREATE_HUGE_TRY, CREATE_NODE, CREATE_POPULATE, CREATE_MEMFD = (1 << bit for bit in range(5))
INFO_HUGE, INFO_SEALED, INFO_READ_ONLY, INFO_IMPORTED, INFO_SLICE, INFO_DEVICE = (1 << bit for bit in range(6))
MAP_WRITE, MAP_POPULATE = 1, 2
SLICE_READ_ONLY = 1
IMPORT_MEMFD = 1
EXPORT_WRITE = 1
PUBLISH_REPLACE = 1
SCOPE_USER, SCOPE_GROUP = 1, 2
FOR_EVER = 2**64 - 1
WHY = 256
"""Bytes of a text that says what is wrong with a file."""


class Meta(ctypes.Structure):
    """struct tensormem_meta"""

    _fields_ = [
        ("name", ctypes.c_char * NAME_LENGTH),
        ("dtype", ctypes.c_uint32),
        ("dimensions", ctypes.c_uint32),
        ("shape", ctypes.c_uint64 * DIMENSIONS),
        ("stride", ctypes.c_int64 * DIMENSIONS),
        ("model", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class Request(ctypes.Structure):
    """struct tensormem_request"""

    _fields_ = [("size", ctypes.c_uint64), ("flags", ctypes.c_uint32), ("node", ctypes.c_uint32), ("meta", Meta)]


class Info(ctypes.Structure):
    """struct tensormem_info"""

    _fields_ = [
        ("size", ctypes.c_uint64),
        ("allocated", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("node", ctypes.c_int32),
        ("generation", ctypes.c_uint64),
        ("meta", Meta),
    ]


class Part(ctypes.Structure):
    """struct tensormem_part"""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_uint32),
        ("dimensions", ctypes.c_uint32),
        ("shape", ctypes.POINTER(ctypes.c_uint64)),
        ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    ]


class Scope(ctypes.Structure):
    """struct tensormem_scope"""

    _fields_ = [("kind", ctypes.c_uint32), ("number", ctypes.c_uint32)]


class Named(ctypes.Structure):
    """struct tensormem_named"""

    _fields_ = [
        ("name", ctypes.c_char * 201),
        ("digest", ctypes.c_char * 72),
        ("scope", Scope),
        ("owner", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("size", ctypes.c_uint64),
        ("attached", ctypes.c_uint64),
        ("published", ctypes.c_uint64),
        ("dtype", ctypes.c_uint32),
        ("dimensions", ctypes.c_uint32),
        ("shape", ctypes.c_uint64 * DIMENSIONS),
    ]


class Statistics(ctypes.Structure):
    """struct tensormem_statistics"""

    _fields_ = [
        ("published", ctypes.c_uint64),
        ("attached", ctypes.c_uint64),
        ("shared", ctypes.c_uint64),
        ("refused", ctypes.c_uint64),
        ("started", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("memory_without_sharing", ctypes.c_uint64),
    ]


Handle = ctypes.c_void_p
_Text = ctypes.c_char_p
_Scope = ctypes.POINTER(Scope)
_Count = ctypes.POINTER(ctypes.c_size_t)
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "create": (Handle, (ctypes.POINTER(Request),)),
    "from_fd": (Handle, (ctypes.c_int,)),
    "close": (None, (Handle,)),
    "fd": (ctypes.c_int, (Handle,)),
    "info": (ctypes.c_int, (Handle, ctypes.POINTER(Info))),
    "set_meta": (ctypes.c_int, (Handle, ctypes.POINTER(Meta))),
    "map": (ctypes.c_void_p, (Handle, ctypes.c_uint)),
    "unmap": (ctypes.c_int, (Handle, ctypes.c_void_p)),
    "seal": (ctypes.c_int, (Handle,)),
    "slice": (Handle, (Handle, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint, ctypes.POINTER(Meta))),
    "send": (ctypes.c_int, (ctypes.c_int, Handle)),
    "receive": (Handle, (ctypes.c_int,)),
    "signal": (ctypes.c_int, (Handle, ctypes.POINTER(ctypes.c_uint64))),
    "wait": (ctypes.c_int, (Handle, ctypes.POINTER(ctypes.c_uint64), ctypes.c_uint64)),
    "pool_create": (Handle, (ctypes.POINTER(Request), ctypes.c_uint)),
    "pool_take": (Handle, (Handle,)),
    "pool_put": (ctypes.c_int, (Handle, Handle)),
    "pool_ready": (ctypes.c_uint, (Handle,)),
    "pool_close": (None, (Handle,)),
    "dlpack": (ctypes.c_void_p, (Handle, ctypes.c_int)),
    "import": (Handle, (ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Meta))),
    "export": (ctypes.c_int, (Handle, ctypes.c_uint)),
    "load": (Handle, (_Text, ctypes.POINTER(Request), _Text)),
    "model_open": (Handle, (Handle, _Text)),
    "model_close": (None, (Handle,)),
    "model_parts": (ctypes.POINTER(Part), (Handle, _Count)),
    "model_metadata": (ctypes.POINTER(_Text), (Handle, _Count)),
    "connect": (Handle, (_Text,)),
    "disconnect": (None, (Handle,)),
    "refusal": (_Text, (Handle,)),
    "publish": (ctypes.c_int, (Handle, _Scope, _Text, Handle, ctypes.c_uint, ctypes.POINTER(Named))),
    "attach": (Handle, (Handle, _Scope, _Text)),
    "look": (ctypes.c_int, (Handle, _Scope, _Text, ctypes.POINTER(Named))),
    "remove": (ctypes.c_int, (Handle, _Scope, _Text)),
    "attach_or_load": (Handle, (Handle, _Scope, _Text, _Text, ctypes.POINTER(Request), _Text)),
    "list": (ctypes.c_int, (Handle, ctypes.POINTER(ctypes.POINTER(Named)), _Count)),
    "statistics": (ctypes.c_int, (Handle, ctypes.POINTER(Statistics))),
}
_MAY_FAIL = {ctypes.c_int, ctypes.c_void_p}


def _check(result: Any, function: Any, arguments: Any) -> Any:
    if result is None or result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL("libtensormem.so.1", use_errno=True)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, f"tensormem_{name}")
        function.restype, function.argtypes = result, arguments
        if result in _MAY_FAIL:
            function.errcheck = _check
    return library


_library = _load()

free = ctypes.CDLL(None).free
"""What the library gives away is given back by this."""
free.argtypes, free.restype = (ctypes.c_void_p,), None


def call(name: str, *arguments: Any) -> Any:
    """What `tensormem_NAME` answers. Raises OSError if it fails."""
    return getattr(_library, f"tensormem_{name}")(*arguments)


def address_of(name: str) -> int | None:
    """Where `tensormem_NAME` is, for somebody who is to call it from C."""
    return ctypes.cast(getattr(_library, f"tensormem_{name}"), ctypes.c_void_p).value
