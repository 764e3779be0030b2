"""A build from nothing: no lock, no store, no compiler cache; from the manifest to the booted image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.bare_kernel import BareKernel
from benchmarks.measure import Ratio
from tests import mlos

DISTROBUILD = Path(sys.executable).with_name("distrobuild")
BARS = {"vm": "15 min / 17 min = 0.88", "server": "35 min / 17 min = 2.06"}
"""Minutes of the whole build beside those of the baseline, on the machine that both were written down for."""
BASELINE = "bzImage of x86_64_defconfig"
MEBIBYTE = 1 << 20


def cold(flavours: Sequence[str], folder: Path) -> Iterator[Ratio]:
    """The whole build of each flavour over a stock kernel image; how long its images boot, how large they are."""
    stock = BareKernel(folder / "stock").image().clock
    for flavour in flavours:
        yield from _cold(flavour, folder / flavour, stock)


def _cold(flavour: str, folder: Path, stock: float) -> Iterator[Ratio]:
    folder.mkdir()
    project = mlos.copy_project(folder / "project")
    (project / "distro.lock").unlink()
    environment = {**os.environ, "DISTROBUILD_STORE": str(folder / "store")}
    command = [str(DISTROBUILD), "build", "ubuntu", "--base", mlos.BASE, "--flavour", flavour]
    start = time.monotonic()
    subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    report = json.loads((project / "out/ubuntu/build.json").read_text("utf-8"))
    yield Ratio(f"cold {flavour}", seconds, stock, BASELINE, "s", BARS[flavour])
    yield Ratio("kernel", report["stages"]["kernel"]["seconds"], seconds, "the whole build", "s", "none")
    for name, result in report["boots"].items():
        running = result["boot"]["seconds_to_running"]
        yield Ratio(name, running, 30.0, "the bar, for a minimal image", "s", "30 s")
    (image,) = (project / "out/ubuntu").glob("*.iso")
    yield Ratio("iso", image.stat().st_size / MEBIBYTE, 150.0, "the bar, for flavour vm", "MiB", "150 MiB")
