"""The disks of a machine to be booted: the image below a layer that takes what is written, and empty ones.

All of it lies in the work folder, which the sandbox shows as `/work`, and outlives a machine that is switched off and
on again.
"""

from __future__ import annotations

from pathlib import Path

from distrobuild.boot.qemu import IMAGE, LAYER, GuestOptions, Medium, disks
from distrobuild.sandbox.sandbox import Sandbox

MEBIBYTE = 1 << 20


def make_disks(options: GuestOptions, sandbox: Sandbox, work: Path) -> None:
    """Make what `machine(options, ...)` names; `work` is the folder that `sandbox` shows as `/work`."""
    for disk, size in disks(options).items():
        with (work / disk).open("wb") as file:
            file.truncate(size * MEBIBYTE)
    if options.medium is Medium.DISK:
        sandbox.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", IMAGE, LAYER])
