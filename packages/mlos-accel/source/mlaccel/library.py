# SPDX-License-Identifier: Apache-2.0
"""libmlaccel's structures and functions, as mlos/accel.h has them. What fails raises OSError in the library's words."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

KINDS = ("other", "npu", "tpu", "gpu", "sim")
CAPABILITIES = ("int8", "fp32", "copy", "matmul", "convolution", "elementwise", "import", "factorial")
"""In the order of their bits."""
INT8, FP32 = 0, 1
FOR_EVER = 2**64 - 1


class Info(ctypes.Structure):
    """struct mlaccel_info"""

    _fields_ = [
        ("number", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint64),
        ("memory_total", ctypes.c_uint64),
        ("memory_used", ctypes.c_uint64),
        ("queues", ctypes.c_uint32),
        ("node", ctypes.c_int32),
        ("name", ctypes.c_char * 32),
    ]


class Part(ctypes.Structure):
    """struct mlaccel_part"""

    _fields_ = [("buffer", ctypes.c_void_p), ("offset", ctypes.c_uint64)]


class Convolution(ctypes.Structure):
    """struct mlaccel_convolution"""

    _fields_ = [
        ("batch", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("channels", ctypes.c_uint32),
        ("filters", ctypes.c_uint32),
        ("kernel_height", ctypes.c_uint32),
        ("kernel_width", ctypes.c_uint32),
        ("stride", ctypes.c_uint32),
    ]


class How(ctypes.Structure):
    """struct mlaccel_how"""

    _fields_ = [
        ("timeout_ms", ctypes.c_uint32),
        ("after_count", ctypes.c_uint32),
        ("after", ctypes.POINTER(ctypes.c_int)),
        ("done", ctypes.POINTER(ctypes.c_int)),
    ]


class Times(ctypes.Structure):
    """struct mlaccel_times"""

    _fields_ = [("queued_ns", ctypes.c_uint64), ("run_ns", ctypes.c_uint64)]


_Handle = ctypes.c_void_p
_Size = ctypes.c_uint32
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "open": (_Handle, (ctypes.c_uint,)),
    "open_node": (_Handle, (ctypes.c_char_p,)),
    "open_best": (_Handle, (ctypes.c_uint64,)),
    "close": (None, (_Handle,)),
    "info": (ctypes.c_int, (_Handle, ctypes.POINTER(Info))),
    "buffer_create": (_Handle, (_Handle, ctypes.c_uint64)),
    "buffer_import": (_Handle, (_Handle, ctypes.c_int)),
    "buffer_export": (ctypes.c_int, (_Handle,)),
    "buffer_size": (ctypes.c_uint64, (_Handle,)),
    "buffer_map": (_Handle, (_Handle,)),
    "buffer_close": (None, (_Handle,)),
    "context_create": (_Handle, (_Handle, ctypes.c_uint64)),
    "context_close": (None, (_Handle,)),
    "job_create": (_Handle, ()),
    "job_close": (None, (_Handle,)),
    "nop": (ctypes.c_int, (_Handle,)),
    "copy": (ctypes.c_int, (_Handle, Part, Part, _Size)),
    "matmul": (ctypes.c_int, (_Handle, _Size, Part, Part, Part, _Size, _Size, _Size)),
    "convolve": (ctypes.c_int, (_Handle, _Size, Part, Part, Part, ctypes.POINTER(Convolution))),
    "add": (ctypes.c_int, (_Handle, _Size, Part, Part, Part, _Size)),
    "multiply": (ctypes.c_int, (_Handle, _Size, Part, Part, Part, _Size)),
    "relu": (ctypes.c_int, (_Handle, _Size, Part, Part, _Size)),
    "factorial": (ctypes.c_int, (_Handle, Part, Part, _Size)),
    "submit": (ctypes.c_int64, (_Handle, _Handle, ctypes.POINTER(How))),
    "wait": (ctypes.c_int, (_Handle, ctypes.c_uint64, ctypes.c_uint64, ctypes.POINTER(Times))),
    "cancel": (ctypes.c_int, (_Handle, ctypes.c_uint64)),
}
_MAY_FAIL = {ctypes.c_int, ctypes.c_int64, ctypes.c_void_p}


def _check(result: Any, function: Any, arguments: Any) -> Any:
    if result is None or result == -1:
        raise OSError(ctypes.get_errno(), _library.mlaccel_why().decode())
    return result


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL("libmlaccel.so.1", use_errno=True)
    library.mlaccel_why.restype = ctypes.c_char_p
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, f"mlaccel_{name}")
        function.restype, function.argtypes = result, arguments
        if result in _MAY_FAIL:
            function.errcheck = _check
    return library


_library = _load()


def call(name: str, *arguments: Any) -> Any:
    """What `mlaccel_NAME` answers. Raises OSError if it fails."""
    return getattr(_library, f"mlaccel_{name}")(*arguments)


class Handle:
    """A handle of the library, closed by `mlaccel_CLOSE` when nobody needs it."""

    def __init__(self, number: int, close: str) -> None:
        self.number = number
        weakref.finalize(self, call, close, number)


class Held:
    """What has such a handle until it is closed; for a `with` statement as well."""

    def __init__(self, handle: Handle) -> None:
        self._handle: Handle | None = handle

    @property
    def handle(self) -> Handle:
        """For the rest of this package. Raises ValueError if it has been closed."""
        if self._handle is None:
            raise ValueError(f"the {type(self).__name__.lower()} has been closed")
        return self._handle

    def close(self) -> None:
        """Give it up; what was made of it stays valid."""
        self._handle = None
