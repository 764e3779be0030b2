# SPDX-License-Identifier: Apache-2.0
"""libdataplane by ctypes, its errors as exceptions, and waits that Ctrl-C ends."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import time
from collections.abc import Callable
from typing import Any

PORTION = 100_000_000
"""Nanoseconds of one wait in the library: Python handles signals in between."""


class DataplaneError(OSError):
    """What the library refused; `hint` says what to do."""

    hint = "See dataplane(3)."


class PeerDied(DataplaneError):
    """The other side's process ended in the middle. Everything that it had published was delivered."""

    hint = "Start it again: it goes on where it was, and so does this side."


class PeerLeft(DataplaneError):
    """The other side has closed."""

    hint = "Nothing more comes unless somebody takes its side again."


class OtherVersion(DataplaneError):
    """Another version of the library made the file."""

    hint = "Make it anew, with the version that all sides have."


class Damaged(DataplaneError):
    """The file is truncated, or not of this kind."""

    hint = "Make it anew; nobody may write to it but this library."


class BatchesInUse(DataplaneError):
    """All of the memory is in batches that the program still has, so no further one can come."""

    hint = "Let go of old batches (copy what is to be kept), or prefetch more."


_ERRORS: dict[int, type[DataplaneError]] = {
    errno.EOWNERDEAD: PeerDied,
    errno.EPIPE: PeerLeft,
    errno.EPROTONOSUPPORT: OtherVersion,
    errno.EBADMSG: Damaged,
    errno.ENOBUFS: BatchesInUse,
}


_POINTER, _SIZE, _NUMBER, _TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
_PASSING: dict[str, tuple[Any, ...]] = {
    "create": (_NUMBER, _TEXT, _SIZE, _SIZE),
    "open": (_POINTER, _TEXT, _NUMBER),
    "open_fd": (_POINTER, _NUMBER, _NUMBER),
    "close": (None, _POINTER),
    "message_size": (_SIZE, _POINTER),
    "capacity": (_SIZE, _POINTER),
    "peer": (_NUMBER, _POINTER),
    "push": (ctypes.c_ssize_t, _POINTER, _POINTER, _SIZE, ctypes.c_int64),
    "pop": (ctypes.c_ssize_t, _POINTER, _POINTER, _SIZE, ctypes.c_int64),
}
_FUNCTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ring": _PASSING,
    "queue": _PASSING,
    "pool": {
        "create": (_NUMBER, _TEXT, _SIZE, _SIZE),
        "open": (_POINTER, _TEXT),
        "open_fd": (_POINTER, _NUMBER),
        "close": (None, _POINTER),
        "block_size": (_SIZE, _POINTER),
        "blocks": (_SIZE, _POINTER),
        "take": (ctypes.c_uint64, _POINTER),
        "block": (_POINTER, _POINTER, ctypes.c_uint64),
        "pass": (_NUMBER, _POINTER, ctypes.c_uint64),
        "adopt": (_NUMBER, _POINTER, ctypes.c_uint64),
        "give_back": (_NUMBER, _POINTER, ctypes.c_uint64),
    },
    "reader": {
        "open": (_POINTER, _TEXT, _POINTER),
        "close": (None, _POINTER),
        "block_size": (ctypes.c_ssize_t, _TEXT, _POINTER),
        "batches": (ctypes.c_uint64, _POINTER),
        "samples": (ctypes.c_uint64, _POINTER),
        "next": (_NUMBER, _POINTER, _POINTER, ctypes.c_int64),
        "release": (_NUMBER, _POINTER, _POINTER),
        "stat": (_NUMBER, _POINTER, _POINTER),
    },
    "index": {"write": (_NUMBER, _TEXT, _TEXT, _POINTER, _SIZE)},
    "feed": {
        "open": (_POINTER, _TEXT, _POINTER, _POINTER, _POINTER),
        "close": (None, _POINTER),
        "batches": (ctypes.c_uint64, _POINTER),
        "step": (_NUMBER, _POINTER, ctypes.c_int64),
    },
    "batch": {"receive": (_NUMBER, _POINTER, _POINTER, _POINTER, _POINTER, ctypes.c_int64)},
    "telemetry": {
        "create": (_NUMBER, _TEXT, _SIZE),
        "open": (_POINTER, _TEXT, _NUMBER),
        "close": (None, _POINTER),
        "record": (None, _POINTER, _POINTER),
        "read": (_NUMBER, _POINTER, _POINTER),
    },
    "numa": {
        "alloc": (_POINTER, _SIZE, _POINTER),
        "free": (_NUMBER, _POINTER, _SIZE),
        "node_of": (_NUMBER, _POINTER),
        "node_of_cpu": (_NUMBER, ctypes.c_uint),
        "node_of_device": (_NUMBER, _TEXT),
        "distance": (_NUMBER, ctypes.c_uint, ctypes.c_uint),
    },
    "arrow": {
        "export": (_NUMBER, _POINTER, _POINTER, _POINTER),
        "import": (_POINTER, _POINTER, _POINTER),
        "release": (None, _POINTER),
        "columns": (_SIZE, _POINTER),
        "column": (_NUMBER, _POINTER, _SIZE, _POINTER),
        "bytes": (ctypes.c_int64, _POINTER, ctypes.c_int64, _POINTER),
        "python_let_go": (None, _POINTER),
        "python_drop_schema": (None, _POINTER),
        "python_drop_array": (None, _POINTER),
    },
}
"""Kind and name of each function to its result and its arguments, as in the headers below mlos/."""


def _load() -> ctypes.CDLL:
    """The installed library, or the one that MLOS_DATAPLANE_LIBRARY names."""
    found = ctypes.CDLL(os.environ.get("MLOS_DATAPLANE_LIBRARY", "libdataplane.so.1"), use_errno=True)
    for kind, functions in _FUNCTIONS.items():
        for name, (result, *arguments) in functions.items():
            function = getattr(found, f"dp_{kind}_{name}")
            function.restype, function.argtypes = result, arguments
    return found


library = _load()


def fail(path: str | int | None = None) -> DataplaneError | OSError:
    """What to raise for the errno of the last call; `path` is of the file that it was about."""
    number = ctypes.get_errno()
    words = os.strerror(number), *(() if path is None else (path,))
    return _ERRORS.get(number, OSError)(number, *words)


def ends_at(timeout: float | None) -> float:
    """When a wait of so many seconds ends, on the monotonic clock; at once for 0, never for None."""
    if timeout is None:
        return math.inf
    return time.monotonic() + timeout if timeout > 0 else -math.inf


def wait(call: Callable[[int], int], end: float) -> int:
    """Call a function that takes a timeout in nanoseconds until it succeeds or time is over. Raises what it says."""
    while True:
        left = max(0.0, min(PORTION, (end - time.monotonic()) * 1e9))
        result = call(round(left))
        if result >= 0:
            return result
        number = ctypes.get_errno()
        if number in {errno.ETIMEDOUT, errno.EAGAIN} and end > -math.inf:
            if time.monotonic() < end:
                continue
            ctypes.set_errno(errno.ETIMEDOUT)
        raise fail()
