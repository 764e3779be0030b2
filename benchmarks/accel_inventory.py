"""How long `mlos-accel list` takes, on a machine that is written down, and how long Python alone takes to start."""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Ratio, seconds
from tests import mlos
from tests.unit.accel import machines

SOURCE = mlos.ROOT / "packages" / "mlos-accel" / "source"
PYTHON = "/usr/bin/python3"
"""The system's, which the installed program runs on; another one's start may do more."""
REPEAT = 20
MACHINES = ("instinct", "training")
"""Those that read most files, and that ask most drivers."""


def accel_inventory(folder: Path) -> Iterator[Ratio]:
    """`list` over the start of Python, with its modules compiled and without, as where nobody may write to /usr."""
    source = shutil.copytree(SOURCE, folder / "accel", ignore=shutil.ignore_patterns("__pycache__"))
    os.environ |= {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    start = seconds([PYTHON, "-c", "pass"], cwd=folder, repeat=REPEAT)

    def ratio(name: str, machine: str) -> Ratio:
        command = [PYTHON, source / "mlos-accel", "--root", machines.make(machine, folder / machine), "list"]
        taken = seconds(command, cwd=folder, repeat=REPEAT)
        return Ratio(f"accel {name}", taken * 1e3, start * 1e3, f"{PYTHON} -c pass", "ms", "200 ms")

    yield ratio("source", MACHINES[0])
    compileall.compile_dir(source, quiet=1)
    for machine in MACHINES:
        yield ratio(machine, machine)
