# SPDX-License-Identifier: Apache-2.0
"""Telemetry: a program notes what it does and never waits for it, and another one adds it up."""

from __future__ import annotations

import ctypes
import enum
import os

from mlos_dataplane.library import fail, library
from mlos_dataplane.opened import Opened

_WRITER, _READER = 0, 1


class Kind(enum.IntEnum):
    """What an event is about."""

    WORK = 0
    ALLOCATION = 1
    DEALLOCATION = 2


class Totals(ctypes.Structure):
    """Sums over what was read so far; latencies are nanoseconds, of events of work."""

    events: int
    bytes: int
    latency_sum: int
    latency_max: int
    allocations: int
    deallocations: int
    dropped: int

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in ("events", "bytes", "latency_sum", "latency_max", "allocations", "deallocations", "dropped")
    ]


class _Event(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("kind", "bytes", "latency")]


def create_telemetry(path: str | os.PathLike[str], capacity: int = 65536) -> None:
    """Make the file for one program's events; `capacity` (a power of two) of them fit between two readings."""
    if library.dp_telemetry_create(os.fsencode(path), capacity) < 0:
        raise fail(os.fspath(path))


class _Side(Opened):
    _side: int

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `OtherVersion`, `Damaged`, or OSError: EBUSY while a living process has this side."""
        opened = library.dp_telemetry_open(os.fsencode(path), self._side)
        super().__init__(opened, library.dp_telemetry_close, "the telemetry", os.fspath(path))


class TelemetryWriter(_Side):
    """Who notes."""

    _side = _WRITER

    def record(self, size: int = 0, latency: float = 0.0, kind: Kind = Kind.WORK) -> None:
        """Note that `size` bytes were passed on and took `latency` seconds, or an allocation."""
        event = _Event(kind, size, round(latency * 1e9))
        library.dp_telemetry_record(self.handle(), ctypes.byref(event))


class TelemetryReader(_Side):
    """Who adds up."""

    _side = _READER

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._totals = Totals()

    def totals(self) -> Totals:
        """Sums over all that this reader has seen, up to now. Raises `Damaged`."""
        if library.dp_telemetry_read(self.handle(), ctypes.byref(self._totals)) < 0:
            raise fail()
        return Totals.from_buffer_copy(self._totals)
