"""Put what sets a machine up into a release image of Flatcar, and touch nothing else of it.

The partition OEM is written anew: Flatcar's GRUB reads `grub.cfg` there, its Ignition `config.ign`. In the image for
all platforms it is an empty btrfs, which nothing here can write to; Flatcar takes ext4 as well. Everything else, and
with it the partition table, `/usr`, its hash tree, the kernel and the boot loader, stays byte for byte.

With a kernel of this project, its system comes into slot B, and two files more into the EFI system partition.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar

from pydantic import Field

from distrobuild.errors import DistrobuildError
from distrobuild.formats import btrfs, sparse
from distrobuild.formats.flatcar_image import ESP, OEM, PUBLISHED, SLOT_B, partition_of, read_table
from distrobuild.formats.gpt import Partition, Table
from distrobuild.formats.template import render
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.ext4_file_system import CONTENT, write_ext4
from distrobuild.stages.provision_kernel import MenuEntry, menu_entry, write_esp
from distrobuild.stages.stage import Job, Options, Stage

FILE_SYSTEM = "oem.img"
GRUB_CONFIG = Path(__file__).parent / "templates" / "provision" / "grub.cfg.j2"
"""What Flatcar's GRUB runs before it puts the command line together; empty if there is nothing to say."""
OF_A_PLATFORM = frozenset({"grub.cfg", "oem-release"})
"""Files in OEM with which Flatcar makes an image one for QEMU, a cloud, ..."""
READ_BY_ALL = ("^metadata_csum_seed", "^orphan_file")
"""Features that new versions of mke2fs turn on, and older ones of GRUB and e2fsck, as in Flatcar, refuse."""


class OemTooSmall(DistrobuildError):
    """The files have no room in the partition OEM."""


class MadeForAPlatform(DistrobuildError):
    """An image whose partition OEM already holds what one platform needs."""


class ProvisionOptions(Options):
    """What the machine is told."""

    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]*\.raw$")
    """Name of the image, for example `mlos-1.0.0-flatcar-amd64.raw`."""
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """Name of the distribution, and of its entry in the boot menu."""
    image: str
    """Name and version of the image; the UUID of the file system depends on it."""
    kernel_arguments: tuple[str, ...] = ()
    """Words for the kernel's command line, none with a space, a quote, `$` or a backslash."""


class ProvisionStage(Stage[ProvisionOptions]):
    """A release image and an Ignition config -> an image that sets itself up."""

    kind: ClassVar[str] = "provision"
    inputs: ClassVar[Mapping[str, str]] = {
        "image": "what the official stage made",
        "ignition": "what the ignition stage made; optional",
        "transplant": "what the transplant stage made, where machines start a kernel of this project",
        "verity": "what the verity stage made of its system",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: ProvisionOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the image; sparse"}

    def run(self, job: Job) -> None:
        """Write the image.

        Raises `NotFlatcar`, `MadeForAPlatform`, `OemTooSmall`, `PartitionTooSmall` or `ProgramFailed`.
        """
        name = self.options.file_name
        (source,) = job.inputs["image"].glob("*.raw")
        with source.open("rb") as release, (job.output / name).open("w+b") as disk:
            table = read_table(release, name)
            oem = partition_of(table, OEM, name)
            _look_at_what_is_lost(job, release, oem.first * table.sector_size)
            entry, replaced = None, {}
            if "transplant" in job.inputs:
                entry = menu_entry(job, table, self.options.name, name)
                replaced[ESP] = write_esp(job, release, table, entry.folder, name)
                replaced[SLOT_B] = job.inputs["verity"] / "usr.img"
            replaced[OEM] = self._write_oem(job, oem.sectors * table.sector_size, entry)
            _copy_but(release, disk, table, {partition_of(table, label, name): new for label, new in replaced.items()})

    def _write_oem(self, job: Job, size: int, entry: MenuEntry | None) -> Path:
        """The partition's new content; `size` in bytes."""
        content = job.work / CONTENT
        content.mkdir()
        if "ignition" in job.inputs:
            # It may hold digests of passwords and keys of encrypted disks.
            _place(content / "config.ign", job.inputs["ignition"] / "config.ign", 0o600)
        # `oem_id` is left alone: without it, Flatcar finds out by itself which platform it runs on.
        commands = render(GRUB_CONFIG, {"kernel_arguments": self.options.kernel_arguments, "kernel": entry})
        if commands:
            (job.work / "grub.cfg").write_text(commands, "ascii")
            _place(content / "grub.cfg", job.work / "grub.cfg", 0o644)
        content.chmod(0o755)
        _write_fitting(job, self.options.image, size)
        return job.work / FILE_SYSTEM


def _copy_but(release: BinaryIO, disk: BinaryIO, table: Table, replaced: Mapping[Partition, Path]) -> None:
    """Copy the release, with other content in some of its partitions."""
    position, end = 0, release.seek(0, io.SEEK_END)
    disk.truncate(end)
    for partition in sorted(replaced, key=lambda each: each.first):
        start = partition.first * table.sector_size
        sparse.copy_part(release, disk, position, start)
        with replaced[partition].open("rb") as content:
            sparse.copy_into(content, disk, start)
        position = (partition.last + 1) * table.sector_size
    sparse.copy_part(release, disk, position, end)


def _look_at_what_is_lost(job: Job, release: BinaryIO, start: int) -> None:
    """Raise `MadeForAPlatform` if OEM, which begins at byte `start`, has a platform's files; say what else it has."""
    try:
        there = btrfs.top_entries(release, start)
    except btrfs.UnreadableBtrfs as error:
        job.log(f"partition {OEM} is replaced; what it held cannot be told ({error.message})")
        return
    if OF_A_PLATFORM.intersection(there):
        raise MadeForAPlatform(
            f"the image was made for one platform, whose files in partition `{OEM}` would be lost: {', '.join(there)}",
            hint=f"take the image for all platforms, {PUBLISHED}",
        )
    job.log(f"partition {OEM} is replaced; it held {', '.join(there) or 'nothing'}")


def _write_fitting(job: Job, image: str, size: int) -> None:
    used = sum(path.stat().st_size for path in (job.work / CONTENT).iterdir())
    too_small = OemTooSmall(
        f"{used} bytes of files do not fit into partition `{OEM}`, which has {size} (its file system takes some)",
        hint="let the config fetch what is large from the web, or take a release whose partition is larger",
    )
    if used > size:
        raise too_small
    try:
        write_ext4(job, f"/work/{FILE_SYSTEM}", image=image, label=OEM, size=size, features=READ_BY_ALL)
    except ProgramFailed as error:
        if any("Could not allocate block" in line for line in error.tail):
            raise too_small from error
        raise


def _place(place: Path, source: Path, mode: int) -> None:
    shutil.copyfile(source, place)
    place.chmod(mode)
