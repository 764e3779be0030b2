"""What the models cannot see: names that must exist elsewhere, files that must be on disk.

A check is one function: it asks the `Project` for values and yields a `Problem` for each that is wrong. It stands in
the module of its subject below `checks`, and in `CHECKS` there. Checks run on the tree, so that they still speak when
the models have found mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from distrobuild.errors import Problem
from distrobuild.manifest.checks import box_tests, files, kernel_tests, packages, sources, targets
from distrobuild.manifest.project import Project

Check: TypeAlias = Callable[[Project], Iterator[Problem]]

CHECKS: tuple[Check, ...] = (
    *targets.CHECKS, *files.CHECKS, *box_tests.CHECKS, *sources.CHECKS, *kernel_tests.CHECKS, *packages.CHECKS,
)  # fmt: skip
"""Every check, in the order in which they run."""


def problems(project: Project) -> list[Problem]:
    """Everything the checks find."""
    return [problem for function in CHECKS for problem in function(project)]
