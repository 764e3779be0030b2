"""Compiles programs of the kernel's own `tools/testing/selftests`, which come with the patches that they test.

Documentation/dev-tools/kselftest.rst. They are linked statically: the guest that runs them has nothing but them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.stages.kernel_make import TREE, Make
from distrobuild.stages.stage import Job

SELFTESTS = "tools/testing/selftests"


class NoSelftest(DistrobuildError):
    """The tree has no such selftest, or it made no program."""


def compile_selftests(make: Make, job: Job, names: tuple[str, ...]) -> None:
    """Put the programs of each selftest into `selftests/NAME` of the output. Raises `NoSelftest`."""
    target = job.output / "selftests"
    target.mkdir()
    if names:
        make("headers")
    for name in names:
        folder = job.work / TREE / SELFTESTS / name
        if not (folder / "Makefile").is_file():
            there = sorted(path.parent.name for path in folder.parent.glob("*/Makefile"))
            raise NoSelftest(f"the kernel has no selftest `{name}`", hint=f"it has {', '.join(there)}")
        before = _programs(folder)
        # Its headers, not those of the tools root, which know nothing of the patches.
        make(
            "--directory", f"{SELFTESTS}/{name}", "LDFLAGS=-static", f"KHDR_INCLUDES=-isystem /work/{TREE}/usr/include"
        )
        made = _programs(folder) - before
        if not made:
            raise NoSelftest(f"the kernel's selftest `{name}` has no program that is compiled")
        (target / name).mkdir()
        for path in made:
            shutil.copy2(path, target / name)


def _programs(folder: Path) -> set[Path]:
    return {path for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o111}
