"""Write a medium that starts the system in memory: what machines get from the network, on a disc or a stick instead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.stages.hybrid_iso import Medium, MediumOptions, write_image
from distrobuild.stages.stage import Job, Stage

TEMPLATES = Path(__file__).parent / "templates" / "memory_iso"


class MemoryIsoOptions(MediumOptions):
    """What the medium calls itself, and what the kernel is told."""

    command_line: tuple[str, ...]
    """The kernel's parameters, without its consoles: the menu knows them."""


class MemoryIsoStage(Stage[MemoryIsoOptions]):
    """Kernel and the system in one archive -> a hybrid ISO image."""

    kind: ClassVar[str] = "memory-iso"
    inputs: ClassVar[Mapping[str, str]] = {"pxe": "what the pxe stage made"}
    outputs: Mapping[str, str] = {}

    def __init__(self, options: MemoryIsoOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the image"}

    def run(self, job: Job) -> None:
        """Write the image. Raises `ProgramFailed`."""
        medium = Medium(job)
        for suffix in ("vmlinuz", "initrd"):
            (file,) = job.inputs["pxe"].glob(f"*.{suffix}")
            medium.take(f"boot/{suffix}", f"pxe/{file.name}")
        write_image(job, medium, self.options, TEMPLATES / "grub.cfg.j2")
