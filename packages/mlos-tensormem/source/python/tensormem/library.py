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
FOR_EVER = 2**64 - 1


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


Handle = ctypes.c_void_p
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


def call(name: str, *arguments: Any) -> Any:
    """What `tensormem_NAME` answers. Raises OSError if it fails."""
    return getattr(_library, f"tensormem_{name}")(*arguments)
