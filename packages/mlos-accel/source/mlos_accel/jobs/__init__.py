# SPDX-License-Identifier: Apache-2.0
"""Jobs on devices, for tests of them: one module for each way to give a device work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mlos_accel.device import Device
from mlos_accel.errors import CannotTest

Row = list[int]
Matrix = list[Row]
"""Rows of numbers; in jobs of int8 each from -128 to 127."""


class Runner(Protocol):
    """A device that can be given work. Its methods raise `AccelError` if the device does not do it."""

    @property
    def can(self) -> frozenset[str]:
        """What it can do, in the hub's words; the other methods are not called without."""

    def multiply(self, left: Matrix, right: Matrix) -> Matrix:
        """`int8`, `matmul`: the product of two matrices of int8, in sums of 32 bits."""

    def factorials(self, numbers: Row) -> Row:
        """`factorial`: of numbers of 32 bits, modulo 2**32."""

    def copy(self, numbers: Row) -> Row:
        """`copy`: numbers of 32 bits, as they are."""


def _fake(_device: Device) -> Runner:
    from mlos_accel.jobs.fake import Fake

    return Fake()


def _hub(device: Device) -> Runner:
    from mlos_accel.jobs.hub import open_device

    return open_device(device)


RUNNERS: dict[str, Callable[[Device], Runner]] = {"fake": _fake, "hub": _hub}
"""By the probe that found the device. Each imports its module only when it is needed: a library may come with it."""


def runner_for(device: Device) -> Runner:
    """What gives this device work. Raises `CannotTest`."""
    make = RUNNERS.get(device.probe)
    if make is None:
        raise CannotTest(
            f"{device.name} has no job to be tested with",
            f"there are jobs for devices of the hub and declared ones; this one's driver is {device.driver or 'none'}",
        )
    return make(device)
