# SPDX-License-Identifier: Apache-2.0
"""Jobs on devices, for tests of them: one module for each way to give a device work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mlos_accel.device import Device
from mlos_accel.errors import CannotTest

Matrix = list[list[int]]
"""Rows of numbers; in jobs of int8 each from -128 to 127."""


class Runner(Protocol):
    """A device that can be given work."""

    def multiply(self, left: Matrix, right: Matrix) -> Matrix:
        """The product of two matrices of int8, in sums of 32 bits. Raises `AccelError` if the device does not do it."""


def _fake(_device: Device) -> Runner:
    from mlos_accel.jobs.fake import Fake

    return Fake()


RUNNERS: dict[str, Callable[[Device], Runner]] = {"declared": _fake}
"""By driver. Each imports its module only when it is needed: a library may come with it."""


def runner_for(device: Device) -> Runner:
    """What gives this device work. Raises `CannotTest`."""
    make = RUNNERS.get(device.driver or "")
    if make is None:
        known = ", ".join(sorted(RUNNERS))
        raise CannotTest(
            f"{device.name} has no job to be tested with",
            f"there are jobs for devices of: {known}; this one's driver is {device.driver or 'none'}",
        )
    return make(device)
