# SPDX-License-Identifier: Apache-2.0
"""Declared devices: the processor does their work, and not by NumPy, with which it is compared."""

from __future__ import annotations

from mlos_accel.jobs import Matrix


class Fake:
    """Multiplies as it is taught in school."""

    def multiply(self, left: Matrix, right: Matrix) -> Matrix:
        """The product of two matrices."""
        columns = list(zip(*right, strict=True))
        return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left]
