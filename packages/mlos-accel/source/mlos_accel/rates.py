# SPDX-License-Identifier: Apache-2.0
"""Loads of devices whose drivers only count: two readings make one."""

from __future__ import annotations

from collections import deque

from mlos_accel.device import Load
from mlos_accel.inventory import Inventory

WHOLE = 1000


def between(before: Load, after: Load, seconds: float) -> int | None:
    """Permille of the time between two readings in which the device worked; what its driver says itself comes first."""
    if after.busy_permille is not None:
        return after.busy_permille
    if seconds <= 0:
        return None
    period = seconds * 1e6
    if before.busy_us is not None and after.busy_us is not None:
        return _within(round((after.busy_us - before.busy_us) / period * WHOLE))
    if before.idle_us is not None and after.idle_us is not None:
        return WHOLE - _within(round((after.idle_us - before.idle_us) / period * WHOLE))
    return None


def _within(permille: int) -> int:
    """Clocks of devices run not quite as the machine's does, and a driver that starts anew counts from nothing."""
    return min(max(permille, 0), WHOLE)


class History:
    """The loads of all devices over the last readings."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._loads: dict[str, deque[int | None]] = {}
        self._last: dict[str, Load] = {}
        self._time: float | None = None

    def add(self, inventory: Inventory, time: float) -> None:
        """Take a reading, made at `time` (seconds of a clock that never goes back). Devices that went are forgotten."""
        seconds = 0.0 if self._time is None else time - self._time
        loads = {device.uuid: device.load for device in inventory.devices}
        for uuid, load in loads.items():
            past = self._loads.setdefault(uuid, deque(maxlen=self._length))
            past.append(between(self._last.get(uuid, Load()), load, seconds))
        self._loads = {uuid: self._loads[uuid] for uuid in loads}
        self._last, self._time = loads, time

    def of(self, uuid: str) -> tuple[int | None, ...]:
        """The loads of one device in permille, the latest one last."""
        return tuple(self._loads.get(uuid, ()))
