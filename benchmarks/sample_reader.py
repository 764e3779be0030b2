"""libdataplane's reader beside pyarrow's, on the same Arrow file, in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Ratio
from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-dataplane" / "source"
PROGRAMS = Path(__file__).with_name("dataplane")
REQUIREMENTS = Path(__file__).with_name("reader.requirements")
ROUNDS = {"warm": 9, "cold": 5}
BAR = "0.67"
"""1.5 times as fast."""
DEATH_BAR = 100.0
"""Milliseconds until either side of a feed knows that the other was killed."""


def reader(folder: Path) -> Iterator[Ratio]:
    """Milliseconds for all samples of a file of 308 MB, from the page cache and from the disk; of a death's notice."""
    build = folder / "reader"
    python = _prepare(build)
    for state, rounds in ROUNDS.items():
        said = _run([python, PROGRAMS / "read_samples.py", build / "samples.arrow", state, str(rounds)], build)
        yield from _ratios(state, said)
    said = _run([python, PROGRAMS / "feed_death.py", build / "samples.arrow", "20"], build)
    for name, seconds in zip(("feed's death", "receiver's death"), said.split(), strict=True):
        yield Ratio(name, float(seconds) * 1e3, DEATH_BAR, "the bar", "ms", "1")


def _prepare(folder: Path) -> Path:
    """The library, compiled, and a Python with what the requirements pin."""
    shutil.copytree(SOURCE, folder)
    subprocess.run(["make", "--silent", "CFLAGS=-O2"], cwd=folder, check=True)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    command = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
    _run([python, *command, "--requirement", REQUIREMENTS], folder)
    return python


def _ratios(state: str, said: str) -> Iterator[Ratio]:
    """Ours beside each of pyarrow's that reads in the same order."""
    times = {name: float(time) * 1e3 for name, _, time in (line.partition("\t") for line in said.splitlines())}
    for name, milliseconds in times.items():
        order, _, who = name.partition(": ")
        if who != "dataplane":
            ours = times[f"{order}: dataplane"]
            yield Ratio(f"samples {order}, {state}", ours, milliseconds, who, "ms", BAR)


def _run(command: Sequence[str | Path], folder: Path) -> str:
    """What a program prints, with the library in this folder."""
    library = folder / "libdataplane.so.1"
    environment = {**os.environ, "MLOS_DATAPLANE_LIBRARY": str(library), "PYTHONPATH": str(folder)}
    return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout
