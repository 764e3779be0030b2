"""Make the pair that starts the system without a disk: a kernel, and one file with all that it needs.

The initial RAM file system is the image's own, with a second archive behind it that holds /usr: the kernel unpacks one
after the other (Documentation/driver-api/early-userspace/buffer-format.rst). The rest is said on the command line,
which systemd reads (systemd-fstab-generator(8)).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from distrobuild.formats import cpio
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "pxe"
USR = "usr.squashfs"
"""Where /usr stands in the initial RAM file system; Flatcar calls it so."""


class PxeOptions(Options):
    """What the files are called, and what the kernel is told."""

    file_stem: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]*$")
    """Name of the files without their suffix, for example `mlos-1.0.0-vm-amd64-pxe`."""
    title: str
    """Name for people."""
    version: str
    """Version of the distribution."""
    command_line: tuple[str, ...]
    """The kernel's parameters."""


class PxeStage(Stage[PxeOptions]):
    """Kernel, initial RAM file system and /usr -> kernel, one archive with the system, and an iPXE script."""

    kind: ClassVar[str] = "pxe"
    inputs: ClassVar[Mapping[str, str]] = {
        "install": "what the install stage made: vmlinuz and initrd.img",
        "usr": "what a squashfs stage made: /usr",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: PxeOptions) -> None:
        super().__init__(options)
        self.outputs = {
            f"{options.file_stem}.vmlinuz": "the kernel",
            f"{options.file_stem}.initrd": "the initial RAM file system with /usr",
            f"{options.file_stem}.ipxe": "a script for iPXE",
        }

    def run(self, job: Job) -> None:
        """Write the files. Raises `CannotArchive` if /usr has 4 GiB or more."""
        kernel, system, script = (job.output / name for name in self.outputs)
        shutil.copyfile(job.inputs["install"] / "vmlinuz", kernel)
        with system.open("wb") as archive:
            with (job.inputs["install"] / "initrd.img").open("rb") as image:
                shutil.copyfileobj(image, archive)
            # The kernel looks for an archive that is not compressed at multiples of its alignment only. What stands in
            # this one is compressed already.
            archive.write(bytes(-archive.tell() % cpio.ALIGNMENT))
            usr = job.inputs["usr"] / "filesystem.squashfs"
            cpio.write_archive(archive, [cpio.file(USR, usr)], job.epoch)
        script.write_text(render(TEMPLATES / "boot.ipxe.j2", self.options.model_dump()), "utf-8")
