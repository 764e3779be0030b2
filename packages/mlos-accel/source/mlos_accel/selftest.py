# SPDX-License-Identifier: Apache-2.0
"""Known jobs on a device, compared with what NumPy makes of them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from mlos_accel.device import Device
from mlos_accel.errors import CannotTest
from mlos_accel.jobs import Runner, runner_for
from mlos_accel.known_jobs import KnownJob, jobs_for


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


def run(device: Device, size: int, seed: int) -> Iterator[Outcome]:
    """Every known job that the device can do, with square matrices of `size` rows or as many numbers.

    Raises `CannotTest`.
    """
    runner = runner_for(device)
    try:
        import numpy  # noqa: F401  # before any work is done in vain
    except ImportError:
        raise CannotTest("NumPy is not installed", "install python3-numpy") from None
    jobs = tuple(jobs_for(runner.can))
    if not jobs:
        words = ", ".join(sorted(runner.can)) or "nothing"
        raise CannotTest(f"{device.name} has no job to be tested with", f"there is none for what it can do: {words}")
    return (_outcome(runner, job, size, seed) for job in jobs)


def _outcome(runner: Runner, job: KnownJob, size: int, seed: int) -> Outcome:
    import numpy

    numbers = job.numbers(random.Random(seed), size)
    start = time.monotonic()
    result = job.done(runner, numbers)
    seconds = time.monotonic() - start
    expected = job.expected(numbers)
    got = numpy.array(result, dtype=numpy.int64)
    wrong = int((got != expected).sum()) if got.shape == expected.shape else expected.size
    return Outcome(job.name.format(size=size), seconds, wrong, int(expected.size))
