"""A build from nothing: no lock, no store, no compiler cache; from the manifest to the booted image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Ratio
from tests import mlos

DISTROBUILD = Path(sys.executable).with_name("distrobuild")
BARS = {"vm": "15 min", "server": "35 min"}
MEBIBYTE = 1 << 20


def cold(flavour: str, folder: Path) -> Iterator[Ratio]:
    """The whole build over its kernel stage alone; of its result, how long it takes to boot and how large it is."""
    project = mlos.copy_project(folder / "project")
    (project / "distro.lock").unlink()
    environment = {**os.environ, "DISTROBUILD_STORE": str(folder / "store")}
    command = [DISTROBUILD, "build", "ubuntu", "--base", mlos.BASE, "--flavour", flavour]
    start = time.monotonic()
    subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    report = json.loads((project / "out/ubuntu/build.json").read_text("utf-8"))
    kernel = report["stages"]["kernel"]["seconds"]
    yield Ratio(f"cold {flavour}", seconds, kernel, "its kernel stage", "s", BARS[flavour])
    for name, result in report["boots"].items():
        running = result["boot"]["seconds_to_running"]
        yield Ratio(name, running, 30.0, "the bar, for a minimal image", "s", "30 s")
    (image,) = (project / "out/ubuntu").glob("*.iso")
    yield Ratio("iso", image.stat().st_size / MEBIBYTE, 150.0, "the bar, for flavour vm", "MiB", "150 MiB")
