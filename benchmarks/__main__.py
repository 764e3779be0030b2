"""Run the benchmarks and print their table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

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
    parser.add_argument("--all", action="store_true", help="also the kernel and live-build, about an hour")
    everything: bool = parser.parse_args().all
    with tempfile.TemporaryDirectory(prefix="distrobuild-benchmark-", dir="/var/tmp") as folder:
        measures = [unchanged, memory, lambda: overlay(Path(folder))]
        if everything:
            measures += [lambda: images(Path(folder)), lambda: kernel(Path(folder))]
        for measure in measures:
            print(measure(), flush=True)


main()
