"""What makes a release of Flatcar start another kernel, in slot B, without a change to its own system in slot A.

Flatcar's GRUB takes a kernel of the EFI system partition by the slot that it has chosen, and the root hash out of that
kernel's file, where ours has no room for it (`distrobuild.formats.kernel_hash`). So a menu entry of its own, in the
`grub.cfg` that GRUB reads from OEM, names kernel, initial RAM file system, slot and root hash. The slots' priorities
stay as they are: without that entry, or under Secure Boot, where OEM is not read, Flatcar's own system starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from distrobuild.errors import DistrobuildError
from distrobuild.formats import sparse
from distrobuild.formats.disk_layout import FLATCAR_USR_SIZE
from distrobuild.formats.flatcar_image import ESP, SLOT_B, partition_of
from distrobuild.formats.gpt import Table
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job

FILES = ("vmlinuz", "initrd.img")


class PartitionTooSmall(DistrobuildError):
    """A partition of the release that has no room for what should stand in it."""


@dataclass(frozen=True)
class MenuEntry:
    """What the boot menu says of a kernel; `folder` is a path of the EFI system partition, `slot` a PARTUUID."""

    name: str
    title: str
    folder: str
    slot: str
    root_hash: str


def menu_entry(job: Job, table: Table, name: str, image: str) -> MenuEntry:
    """The entry `name` for the kernel of the inputs. Raises `NotFlatcar`, and `PartitionTooSmall` for slot B."""
    slot = partition_of(table, SLOT_B, image)
    if (size := slot.sectors * table.sector_size) < FLATCAR_USR_SIZE:
        raise PartitionTooSmall(f"partition `{SLOT_B}` has {size} bytes; the system takes {FLATCAR_USR_SIZE}")
    release = (job.inputs["transplant"] / "release").read_text("utf-8").strip()
    root_hash = (job.inputs["verity"] / "roothash").read_text("ascii").strip()
    return MenuEntry(name, f"Linux {release}", f"/flatcar/{name}", str(slot.guid), root_hash)


def write_esp(job: Job, release: BinaryIO, table: Table, folder: str, image: str) -> Path:
    """The EFI system partition of the release, with our kernel in `folder`. Raises `PartitionTooSmall`."""
    partition = partition_of(table, ESP, image)
    start, end = partition.first * table.sector_size, (partition.last + 1) * table.sector_size
    esp = job.work / "esp.img"
    with esp.open("w+b") as target:
        sparse.cut_out(release, target, start, end)
    fat = ("-i", f"/work/{esp.name}")
    try:
        job.sandbox.run(["mmd", *fat, f"::{folder}"])
        job.sandbox.run(["mcopy", *fat, *(f"/inputs/transplant/{name}" for name in FILES), f"::{folder}/"])
    except ProgramFailed as error:
        if not any("Disk full" in line for line in error.tail):
            raise
        size = sum((job.inputs["transplant"] / name).stat().st_size for name in FILES)
        raise PartitionTooSmall(
            f"kernel and initial RAM file system have {size} bytes, more than partition `{ESP}` has room for",
            hint="take a release whose partition is larger (since October 2025), or a smaller kernel",
        ) from error
    return esp
