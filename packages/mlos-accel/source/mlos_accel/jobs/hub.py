# SPDX-License-Identifier: Apache-2.0
"""Devices of the accelerator hub: jobs by libmlaccel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlos_accel.device import Device
from mlos_accel.errors import CannotTest
from mlos_accel.jobs import Matrix, Row

if TYPE_CHECKING:
    import mlaccel

TIMEOUT = 60.0
"""Seconds after which nobody waits any more; drivers stop a job that hangs long before."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the library says is why a device cannot be tested."""
    try:
        yield
    except OSError as error:
        hint = (
            "members of the group `accel` may use it" if isinstance(error, PermissionError) else "`dmesg` may say more"
        )
        raise CannotTest(error.strerror or str(error), hint) from None


def open_device(device: Device) -> Hub:
    """The device by its node. Raises `CannotTest`."""
    try:
        import mlaccel
    except (ImportError, OSError):
        raise CannotTest("libmlaccel is not installed", "it comes with the package mlos-accel") from None
    if not device.nodes:
        raise CannotTest(f"{device.name} has no device node", "its driver may have gone")
    with _told():
        return Hub(mlaccel.Device(device.nodes[0]))


class Hub:
    """A device of the hub. NumPy only puts numbers into its memory and takes them out."""

    def __init__(self, device: mlaccel.Device) -> None:
        """Raises OSError if the device does not say what it can do."""
        self._device = device
        self.can = device.info.capabilities

    def multiply(self, left: Matrix, right: Matrix) -> Matrix:
        """The product of two matrices. Raises `CannotTest`."""
        from mlaccel import Job

        with _told():
            first, second = self._filled(left, "int8"), self._filled(right, "int8")
            product = self._device.buffer((first.shape[0], second.shape[1]), "int32")
            self._run(Job().matmul(product, first, second))
            numbers: Matrix = product.numpy().tolist()
            return numbers

    def factorials(self, numbers: Row) -> Row:
        """What is beyond 32 bits is cut off. Raises `CannotTest`."""
        from mlaccel import Job

        with _told():
            source, result = self._filled(numbers, "uint32"), self._device.buffer(len(numbers), "uint32")
            self._run(Job().factorial(result, source))
            return _row(result)

    def copy(self, numbers: Row) -> Row:
        """The same numbers. Raises `CannotTest`."""
        from mlaccel import Job

        with _told():
            source, result = self._filled(numbers, "uint32"), self._device.buffer(len(numbers), "uint32")
            self._run(Job().copy(result, source))
            return _row(result)

    def _filled(self, numbers: Any, dtype: str) -> mlaccel.Buffer:
        import numpy

        array = numpy.array(numbers, dtype=dtype)
        buffer = self._device.buffer(array.shape, dtype)
        buffer.numpy()[...] = array
        return buffer

    def _run(self, job: mlaccel.Job) -> None:
        with self._device.context() as context:
            context.submit(job).wait(TIMEOUT)


def _row(buffer: mlaccel.Buffer) -> Row:
    numbers: Row = buffer.numpy().tolist()
    return numbers
