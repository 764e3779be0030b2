# SPDX-License-Identifier: Apache-2.0
"""Declared devices: the processor does their work, and not by NumPy, with which it is compared."""

from __future__ import annotations

import math

from mlos_accel.jobs import Matrix, Row


class Fake:
    """Computes as it is taught in school."""

    can = frozenset({"int8", "matmul"})

    def multiply(self, left: Matrix, right: Matrix) -> Matrix:
        """The product of two matrices."""
        columns = list(zip(*right, strict=True))
        return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left]

    def factorials(self, numbers: Row) -> Row:
        """What is beyond 32 bits is cut off."""
        return [math.factorial(number) % 2**32 for number in numbers]

    def copy(self, numbers: Row) -> Row:
        """The same numbers."""
        return list(numbers)
