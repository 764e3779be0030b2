"""Devices that are plugged into a machine while it runs, and pulled out again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from distrobuild.boot.qemu import FREE_PORT
from distrobuild.boot.qmp import Monitor, MonitorFailed

NAME = "plugged"
"""QEMU's name of what is in the free port."""
PULL_SECONDS = 120.0
"""How long a guest may take to let go of a device; emulated ones take their time."""
POLL_SECONDS = 0.2


@contextlib.contextmanager
def plugged(monitor: Monitor, driver: str) -> Iterator[Callable[[], None]]:
    """Plug in a device, as QEMU calls it (`edu`); what is yielded pulls it out, which else happens at the end.

    The guest's driver is told that the device goes; whoever uses it is not asked. Raises `MonitorFailed` if QEMU has
    no such device, the port is taken, or the guest does not let go.
    """
    monitor.execute("device_add", driver=driver, id=NAME, bus=FREE_PORT)
    try:
        yield lambda: _pull(monitor)
    finally:
        if _is_there(monitor):
            _pull(monitor)


def _pull(monitor: Monitor) -> None:
    monitor.execute("device_del", id=NAME)
    end = time.monotonic() + PULL_SECONDS
    while _is_there(monitor):
        if time.monotonic() > end:
            raise MonitorFailed(f"the guest did not let go of the device in {PULL_SECONDS:g} s")
        time.sleep(POLL_SECONDS)


def _is_there(monitor: Monitor) -> bool:
    return any(device["name"] == NAME for device in monitor.execute("qom-list", path="/machine/peripheral"))
