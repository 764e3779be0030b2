# SPDX-License-Identifier: Apache-2.0
"""SCHED_ML for Python programs: the scheduling class for inference and training. See sched_ml(7).

    import mlos_sched

    if mlos_sched.available():
        mlos_sched.use(level=mlos_sched.Level.SERVING, deadline=0.020)  # this thread, and those it starts
    with mlos_sched.phase():                                            # dear to interrupt
        outputs = session.run(None, inputs)

Times are seconds. What the kernel refuses raises OSError, as in `os.sched_setscheduler`.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import enum
import errno
import os
from collections.abc import Iterator

SCHED_ML = 16
"""Number of the policy, which `os.sched_getscheduler` answers as well."""

PR_SCHED_ML = 0x4D4C
_SET_CONTEXT, _PHASE, _GET_STATS = range(3)

_SYSCALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}
"""Machine to the numbers of sched_setattr and sched_getattr (the kernel's arch/*/tools/syscall tables)."""

_libc = ctypes.CDLL(None, use_errno=True)


class Level(enum.IntEnum):
    """Who goes first: a higher level before a lower one."""

    BACKGROUND = 1
    BATCH = 2
    SERVING = 3
    INTERACTIVE = 4


@dataclasses.dataclass(frozen=True)
class Attributes:
    """What a thread runs under. Level, deadline and slice have a meaning for SCHED_ML only."""

    policy: int
    level: int
    deadline: float
    slice: float


@dataclasses.dataclass(frozen=True)
class Stats:
    """How the calling thread has fared under SCHED_ML."""

    level: int
    context: int
    deadline: float
    slice: float
    jobs: int
    """Wakeups that ended in a sleep."""
    misses: int
    """Of the jobs, those that ended after their deadline."""
    slices: int
    """Whole slices that were used up."""


class _Attr(ctypes.Structure):
    """The kernel's struct sched_attr as of its second version."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
        ("util_min", ctypes.c_uint32),
        ("util_max", ctypes.c_uint32),
    ]


class _Stats(ctypes.Structure):
    """The kernel's struct sched_ml_stats."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("level", ctypes.c_uint32),
        ("context", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("latency", ctypes.c_uint64),
        ("slice", ctypes.c_uint64),
        ("jobs", ctypes.c_uint64),
        ("misses", ctypes.c_uint64),
        ("slices", ctypes.c_uint64),
    ]


def available() -> bool:
    """Whether the kernel has the class."""
    try:
        return os.sched_get_priority_max(SCHED_ML) == max(Level)
    except OSError:
        return False


def use(level: int = Level.SERVING, deadline: float = 0.0, slice: float = 0.0, thread: int = 0) -> None:
    """Put a thread (0: the one that calls) under the class; what it starts later inherits that.

    `deadline` is the latency target in seconds, 0 for the level's; `slice` how long equal threads take turns, 0 for the
    system's. Raises OSError: EINVAL without the class or for a number out of range, EPERM, ESRCH.
    """
    size = ctypes.sizeof(_Attr)
    attr = _Attr(size, SCHED_ML, priority=level, runtime=_nanoseconds(slice), deadline=_nanoseconds(deadline))
    _call(_libc.syscall(ctypes.c_long(_syscalls()[0]), ctypes.c_int(thread), ctypes.byref(attr), ctypes.c_uint(0)))


def attributes(thread: int = 0) -> Attributes:
    """What a thread (0: the one that calls) runs under. Raises OSError."""
    attr = _Attr()
    size = ctypes.c_uint(ctypes.sizeof(attr))
    number = ctypes.c_long(_syscalls()[1])
    _call(_libc.syscall(number, ctypes.c_int(thread), ctypes.byref(attr), size, ctypes.c_uint(0)))
    return Attributes(attr.policy, attr.priority, attr.deadline / 1e9, attr.runtime / 1e9)


def context(model: int) -> None:
    """Which model the calling thread works for, 0 for none: turns that can wait are taken model by model."""
    _prctl(_SET_CONTEXT, model)


@contextlib.contextmanager
def phase() -> Iterator[None]:
    """What happens inside is dear to interrupt, such as a matrix product. Does nothing without the class."""
    if not available():
        yield
        return
    _prctl(_PHASE, 1)
    try:
        yield
    finally:
        _prctl(_PHASE, 0)


def stats() -> Stats:
    """How the calling thread has fared. Raises OSError without the class."""
    found = _Stats()
    _prctl(_GET_STATS, ctypes.addressof(found), ctypes.sizeof(found))
    times = found.latency / 1e9, found.slice / 1e9
    return Stats(found.level, found.context, *times, found.jobs, found.misses, found.slices)


def _syscalls() -> tuple[int, int]:
    machine = os.uname().machine
    if machine not in _SYSCALLS:
        raise OSError(errno.ENOSYS, f"mlos_sched does not know the system calls of {machine}")
    return _SYSCALLS[machine]


def _prctl(operation: int, argument: int, size: int = 0) -> None:
    numbers = [ctypes.c_ulong(each) for each in (operation, argument, size, 0)]
    _call(_libc.prctl(ctypes.c_int(PR_SCHED_ML), *numbers))


def _nanoseconds(seconds: float) -> int:
    if seconds < 0:
        raise ValueError(f"{seconds} is no duration")
    return round(seconds * 1e9)


def _call(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
