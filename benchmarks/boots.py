"""The image as it boots, beside the same image with the kernel of the base's archive."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

from benchmarks.measure import Ratio
from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.guest import Guest
from distrobuild.boot.qemu import GuestOptions
from distrobuild.cli.session import Session
from distrobuild.engine.events import Stream
from distrobuild.plan.graph import Node, Plan
from distrobuild.plan.ubuntu import Ubuntu
from distrobuild.stages.install import InstallOptions, InstallStage
from tests import mlos

STOCK = "linux-image-cloud-amd64"
"""Debian's kernel for virtual machines."""
TARGET = "stock"
TIMEOUT_SECONDS = 600.0
REPEAT = 3


class StockKernel(Ubuntu):
    """The same image, its kernel from the archive."""

    @cached_property
    def install(self) -> Node:
        options = InstallOptions(suite=self.selection.base.suite, packages=self.selection.contents.packages)
        inputs = {"rootfs": self.rootfs, "repository": self.repository}
        return Node("install", InstallStage(options), inputs, self.tools)


def boots(folder: Path) -> Ratio:
    """Seconds from the machine's start to `running`: ours over the stock kernel's; the shortest of some boots each."""
    ours = mlos.build("iso")["iso"].output
    theirs = _stock_image(folder / "stock")
    # Turn by turn: the speed of a machine changes within minutes.
    times = [[_seconds_to_running(image, folder / "console") for image in (ours, theirs)] for _ in range(REPEAT)]
    measured, baseline = (min(column) for column in zip(*times, strict=True))
    return Ratio("boot", measured, baseline, f"the same image with {STOCK}", "s", "30 s / 24 s = 1.25")


def _stock_image(folder: Path) -> Path:
    project = mlos.copy_project(folder)
    contents = mlos.selection().contents
    target = {
        "base": mlos.selection().base.model_dump(mode="json", exclude_none=True),
        "kernel": mlos.selection().target.kernel,
        "packages": contents.packages,
        "install": [*contents.install, STOCK],
    }
    (project / "stock.yaml").write_text(json.dumps({"targets": {TARGET: target}}))
    session = Session((project / "distro.yaml", project / "stock.yaml"), (), mlos.BASE, mlos.FLAVOUR)
    selection, say = session.select(TARGET), Stream(mlos.say)
    image = StockKernel(selection, session.lock(selection, say)).image
    plan = Plan(TARGET, (image,), selection.manifest.epoch, selection.architecture)
    return session.engine(selection, say).build(plan)[image.name].output


def _seconds_to_running(output: Path, folder: Path) -> float:
    (image,) = output.glob("*.iso")
    tools_root = mlos.build("tools")["tools"].output
    folder.mkdir(exist_ok=True)
    with Guest(GuestOptions(image), tools_root, folder, choose(AcceleratorChoice.AUTO, tools_root)) as guest:
        guest.wait_until_running(TIMEOUT_SECONDS)
        assert guest.seconds_to_running is not None
        return guest.seconds_to_running
