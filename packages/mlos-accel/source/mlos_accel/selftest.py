# SPDX-License-Identifier: Apache-2.0
"""A known job on a device, compared with what NumPy makes of it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from mlos_accel.device import Device
from mlos_accel.errors import CannotTest
from mlos_accel.jobs import Matrix, runner_for

SMALLEST, LARGEST = -128, 127
"""Of signed numbers of eight bits."""


@dataclass(frozen=True)
class Outcome:
    """What came out."""

    job: str
    seconds: float
    """From handing the job over until its result was here."""
    wrong: int
    """Numbers of the result that are not NumPy's."""
    numbers: int

    @property
    def passed(self) -> bool:
        return self.wrong == 0


def run(device: Device, size: int, seed: int) -> Outcome:
    """Multiply two square matrices of `size` rows of int8, with sums of 32 bits. Raises `CannotTest`."""
    runner = runner_for(device)
    try:
        import numpy
    except ImportError:
        raise CannotTest("NumPy is not installed", "install python3-numpy") from None
    numbers = random.Random(seed)
    left, right = _matrix(numbers, size), _matrix(numbers, size)
    start = time.monotonic()
    result = runner.multiply(left, right)
    seconds = time.monotonic() - start
    expected = numpy.array(left, dtype=numpy.int32) @ numpy.array(right, dtype=numpy.int32)
    got = numpy.array(result, dtype=numpy.int64)
    wrong = int((got != expected).sum()) if got.shape == expected.shape else expected.size
    return Outcome(f"int8 matrices of {size} x {size}, multiplied", seconds, wrong, int(expected.size))


def _matrix(numbers: random.Random, size: int) -> Matrix:
    return [[numbers.randint(SMALLEST, LARGEST) for _ in range(size)] for _ in range(size)]
