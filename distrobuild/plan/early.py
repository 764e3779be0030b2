"""What can be known to be wrong before anything is fetched: the patches and configuration fragments of the kernel."""

from __future__ import annotations

from pathlib import Path

from distrobuild.errors import InvalidInput, Problem
from distrobuild.formats.kconfig import read_fragment
from distrobuild.formats.patch_series import check_series
from distrobuild.plan.selection import Selection


def check_sources(selection: Selection) -> None:
    """Read every source file that a stage would read later. Raises `InvalidInput` with all mistakes of all of them."""
    kernel, flavour = selection.kernel, selection.kernel_flavour
    if kernel is None or flavour is None:
        return
    problems: list[Problem] = []
    if kernel.patches is not None:
        problems += check_series(selection.root / kernel.patches, Path(kernel.patches))
    for fragment in kernel.fragments(flavour):
        try:
            read_fragment(selection.root / fragment, Path(fragment))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
