# SPDX-License-Identifier: Apache-2.0
"""Jobs whose results are known, for every device that can do them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlos_accel.jobs import Matrix, Row, Runner

SMALLEST, LARGEST = -128, 127
"""Of signed numbers of eight bits."""
WORD = 2**32


@dataclass(frozen=True)
class KnownJob:
    """Numbers, what a device makes of them, and what it should be."""

    needs: frozenset[str]
    """Capabilities, in the hub's words."""
    name: str
    """With `{size}` in it."""
    numbers: Callable[[random.Random, int], Any]
    """What the job is about, of a size."""
    done: Callable[[Runner, Any], Any]
    """Raises `AccelError`."""
    expected: Callable[[Any], Any]
    """The result as a NumPy array."""


def _matrices(numbers: random.Random, size: int) -> tuple[Matrix, Matrix]:
    def matrix() -> Matrix:
        return [[numbers.randint(SMALLEST, LARGEST) for _ in range(size)] for _ in range(size)]

    return matrix(), matrix()


def _product(matrices: tuple[Matrix, Matrix]) -> Any:
    import numpy

    left, right = (numpy.array(each, dtype=numpy.int32) for each in matrices)
    return left @ right


def _small_numbers(numbers: random.Random, size: int) -> Row:
    """Up to where factorials do not fit into 32 bits any more, and beyond."""
    return [numbers.randint(0, 20) for _ in range(size)]


def _factorials(row: Row) -> Any:
    import numpy

    return numpy.array([math.prod(range(1, number + 1)) % WORD for number in row], dtype=numpy.int64)


def _words(numbers: random.Random, size: int) -> Row:
    return [numbers.randrange(WORD) for _ in range(size)]


def _same(row: Row) -> Any:
    import numpy

    return numpy.array(row, dtype=numpy.int64)


JOBS = (
    KnownJob(
        frozenset({"int8", "matmul"}),
        "int8 matrices of {size} x {size}, multiplied",
        _matrices,
        lambda runner, matrices: runner.multiply(*matrices),
        _product,
    ),
    KnownJob(
        frozenset({"factorial"}),
        "factorials of {size} numbers",
        _small_numbers,
        lambda runner, row: runner.factorials(row),
        _factorials,
    ),
    KnownJob(
        frozenset({"copy"}),
        "{size} numbers, copied",
        _words,
        lambda runner, row: runner.copy(row),
        _same,
    ),
)


def jobs_for(can: frozenset[str]) -> Iterator[KnownJob]:
    """Those that a device can do."""
    return (job for job in JOBS if job.needs <= can)
