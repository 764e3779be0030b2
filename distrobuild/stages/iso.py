"""Write the live medium: one ISO image that boots by BIOS and by UEFI, its system in squashfs layers for live-boot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.stages.hybrid_iso import Medium, MediumOptions, write_image
from distrobuild.stages.stage import Job, Stage

TEMPLATES = Path(__file__).parent / "templates" / "iso"


class IsoOptions(MediumOptions):
    """What the medium calls itself, and what its kernel is told."""

    kernel_arguments: tuple[str, ...] = ()
    """Words added to the kernel's command line, in every entry of the menu."""


class IsoStage(Stage[IsoOptions]):
    """Kernel, initial RAM file system and squashfs layers -> a hybrid ISO image."""

    kind: ClassVar[str] = "iso"
    inputs: ClassVar[Mapping[str, str]] = {
        "install": "what the install stage made: vmlinuz and initrd.img",
        "layers/*": "what squashfs stages made; the last by name is on top",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: IsoOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the image"}

    def run(self, job: Job) -> None:
        """Write the image. Raises `ProgramFailed`."""
        medium = Medium(job)
        for name in ("vmlinuz", "initrd.img"):
            medium.take(f"live/{name}", f"install/{name}")
        layers = sorted(name for name in job.inputs if name.startswith("layers/"))
        for name in layers:
            medium.take(f"live/{_layer_file(name)}", f"{name}/filesystem.squashfs")
        # live-boot mounts the layers in the order of this list, each over those before it.
        medium.write("live/filesystem.module", "".join(f"{_layer_file(name)}\n" for name in layers))
        write_image(job, medium, self.options, TEMPLATES / "grub.cfg.j2")


def _layer_file(name: str) -> str:
    return f"{name.removeprefix('layers/')}.squashfs"
