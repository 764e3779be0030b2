"""Run the benchmarks and print their table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.accel_hub import accel_hub
from benchmarks.accel_inventory import accel_inventory
from benchmarks.boots import boots
from benchmarks.cold import BARS, cold
from benchmarks.data_plane import data_plane
from benchmarks.flatcar import flatcar
from benchmarks.images import images, overlay
from benchmarks.kernel import kernel
from benchmarks.measure import Ratio, peak_mebibytes, seconds
from benchmarks.onnx_latency import onnx
from benchmarks.sample_reader import reader
from benchmarks.sched_fair import sched_fair
from benchmarks.sched_ml import sched_ml
from benchmarks.tensor_memory import tensor_memory
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


QUICK: dict[str, Callable[[Path], Iterable[Ratio]]] = {
    "unchanged": lambda _folder: [unchanged()],
    "memory": lambda _folder: [memory()],
    "overlay": lambda folder: [overlay(folder)],
    "boot": lambda folder: [boots(folder)],
    "flatcar": flatcar,
    "sched_ml": sched_ml,
    "tensor_memory": tensor_memory,
    "data_plane": data_plane,
    "reader": reader,
    "accel": accel_inventory,
    "accel_hub": accel_hub,
}
SLOW: dict[str, Callable[[Path], Iterable[Ratio]]] = {
    "images": lambda folder: [images(folder)],
    "kernel": kernel,
    "onnx": onnx,
    "sched_fair": sched_fair,
}
"""All of them measure with the user's own store; these take half an hour together."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = {**QUICK, **SLOW}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(names)}; default: those of minutes")
    parser.add_argument("--all", action="store_true", help="also the kernel and live-build, half an hour")
    parser.add_argument("--cold", nargs="+", choices=sorted(BARS), help="only builds of these flavours from nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    chosen = arguments.names or (names if arguments.all else QUICK)
    with tempfile.TemporaryDirectory(prefix="distrobuild-benchmark-", dir="/var/tmp") as name:
        folder = Path(name)
        for ratio in cold(arguments.cold, folder) if arguments.cold else warm(chosen, folder):
            print(ratio, flush=True)


def warm(names: Iterable[str], folder: Path) -> Iterator[Ratio]:
    """What is measured with the user's own store."""
    for name in names:
        yield from {**QUICK, **SLOW}[name](folder)


main()
