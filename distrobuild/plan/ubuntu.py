"""The target `ubuntu`: a live medium of Ubuntu or Debian content, booted under both firmwares."""

from __future__ import annotations

from functools import cached_property

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.plan.graph import Node
from distrobuild.plan.parts import Parts
from distrobuild.stages.iso import IsoOptions, IsoStage

BOOTS = {Firmware.SEABIOS: Medium.CDROM, Firmware.OVMF: Medium.USB}
"""Every path into the hybrid image is taken once: BIOS from a disc, UEFI from a stick."""


class Ubuntu(Parts):
    """The nodes of one selection of this kind."""

    @cached_property
    def image(self) -> Node:
        selection = self.selection
        options = IsoOptions(
            file_name=f"{self.file_stem}.iso",
            name=self.manifest.name,
            title=selection.title,
            version=self.manifest.version,
            architecture=selection.architecture,
            kernel_arguments=selection.target.kernel_arguments,
        )
        inputs = {
            "install": self.install,
            "layers/0-root": self.squashfs("squashfs/root", self.rootfs, "rootfs.tar"),
            "layers/1-install": self.squashfs("squashfs/install", self.install, "layer.tar"),
            "layers/2-image": self.squashfs("squashfs/image", self.customise, "layer.tar"),
        }
        return Node("iso", IsoStage(options), inputs, self.tools)

    def goals(self) -> tuple[Node, ...]:
        """The image, booted once for each firmware with the medium that goes with it in practice."""
        return self.boots(self.image, BOOTS)
