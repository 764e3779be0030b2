"""Run the benchmarks and print their table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cold import BARS, cold
from benchmarks.flatcar import flatcar
from benchmarks.images import images, overlay
from benchmarks.kernel import kernel
from benchmarks.measure import Ratio, peak_mebibytes, seconds
from tests import mlos

DISTROBUILD = Path(sys.executable).with_name("distrobuild")
BUILD = (DISTROBUILD, "build", "ubuntu", "--base", mlos.BASE, "--flavour", mlos.FLAVOUR)
IMPORTS = "import click, jinja2, pydantic, rich, yaml, debian.deb822"


def unchanged() -> Ratio:
    """An unchanged build over the start of Python with its libraries."""
    seconds(BUILD, cwd=mlos.ROOT)  # whatever changed since the last one
    return Ratio(
        "unchanged",
        seconds(BUILD, cwd=mlos.ROOT, repeat=3),
        seconds([sys.executable, "-c", IMPORTS], cwd=mlos.ROOT, repeat=3),
        "python with the same libraries",
        "s",
        "1 s",
    )


def memory() -> Ratio:
    """Peak memory of an unchanged build over the bar."""
    return Ratio("memory", peak_mebibytes(BUILD), 200.0, "the bar", "MiB", "200 MiB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the kernel and live-build, half an hour")
    parser.add_argument("--cold", nargs="+", choices=sorted(BARS), help="only builds of these flavours from nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="distrobuild-benchmark-", dir="/var/tmp") as name:
        folder = Path(name)
        for ratio in cold(arguments.cold, folder) if arguments.cold else warm(folder, everything=arguments.all):
            print(ratio, flush=True)


def warm(folder: Path, *, everything: bool) -> Iterator[Ratio]:
    """What is measured with the user's own store."""
    yield unchanged()
    yield memory()
    yield overlay(folder)
    yield from flatcar(folder)
    if everything:
        yield images(folder)
        yield from kernel(folder)


main()
