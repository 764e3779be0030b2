"""Write the EFI system partition: boot loader, unified kernel image, add-on for the first boot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats.disk_layout import derived_guid
from distrobuild.stages.stage import Job, Options, Stage

LOADER_CONF = "timeout 1\nconsole-mode keep\n"
"""Time enough to press a key (loader.conf(5))."""


class EspOptions(Options):
    """The file system and what it calls the image."""

    image: str
    """Name and version of the image, `mlos_1.0.0`: name of the kernel's file, and what the serial number is made of."""
    label: str
    """Volume label."""
    size: int
    """Bytes of the partition."""


class EspStage(Stage[EspOptions]):
    """A unified kernel image -> a FAT32 file system from which UEFI starts it."""

    kind: ClassVar[str] = "esp"
    inputs: ClassVar[Mapping[str, str]] = {"uki": "what the uki stage made"}
    outputs: Mapping[str, str] = {"esp.img": "the file system; sparse"}

    def run(self, job: Job) -> None:
        """Write. Raises `ProgramFailed`."""
        options = self.options
        with (job.output / "esp.img").open("wb") as image:
            image.truncate(options.size)
        serial = derived_guid(options.image, "esp-volume").int & 0xFFFFFFFF
        fat = ("-i", "/out/esp.img")
        geometry = ("-F", "-T", str(options.size // 512), "-h", "255", "-s", "63")
        job.sandbox.run(["mformat", *fat, "-N", f"{serial:08x}", "-v", options.label, *geometry, "::"])
        folders = ("EFI", "EFI/BOOT", "EFI/Linux", "loader", "loader/addons")
        job.sandbox.run(["mmd", *fat, *(f"::/{folder}" for folder in folders)])
        (job.work / "loader.conf").write_text(LOADER_CONF, "utf-8")
        for source, place in (
            ("/inputs/uki/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"),
            ("/inputs/uki/image.efi", f"EFI/Linux/{options.image}.efi"),
            ("/inputs/uki/first-boot.addon.efi", "loader/addons/first-boot.addon.efi"),
            ("/work/loader.conf", "loader/loader.conf"),
        ):
            job.sandbox.run(["mcopy", *fat, source, f"::/{place}"])
