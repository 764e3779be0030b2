"""Read the system out of a release image of Flatcar: the content of `/usr`, and the kernel that starts it.

Nothing is mounted: `btrfs restore` reads the file system, mtools the EFI system partition.
"""

from __future__ import annotations

from pathlib import Path

from distrobuild.formats import btrfs, sparse
from distrobuild.formats.flatcar_image import ESP, SLOT_A, NotFlatcar, partition_of, read_table
from distrobuild.stages.stage import Job, Options, Stage

KERNEL = "flatcar/vmlinuz-a"
"""Where the kernel of slot A stands in the EFI system partition."""
RESTORE = ("sh", "-c", 'yes a | "$@"', "sh")
"""btrfs asks whether to go on with a file that has more than 1024 parts, which all large ones have: always."""
TAR = ("tar", "--create", "--format=pax", "--pax-option=delete=atime,delete=ctime", "--sort=name", "--numeric-owner")


class OfficialSystemOptions(Options):
    """Nothing to choose: an image as it is released has its system in slot A."""


class OfficialSystemStage(Stage[OfficialSystemOptions]):
    """A release image -> its system."""

    kind = "official-system"
    inputs = {"image": "what the official stage made"}
    outputs = {"usr.tar": "content of /usr", "vmlinuz": "the kernel"}

    def run(self, job: Job) -> None:
        """Read. Raises `NotFlatcar`, and `ProgramFailed` where the file systems are damaged."""
        (image,) = job.inputs["image"].glob("*.raw")
        _cut_out(image, SLOT_A, job.work / "usr.img")
        _check_btrfs(job.work / "usr.img")
        (job.work / "usr").mkdir()
        restore = ["btrfs", "restore", "--metadata", "--symlinks", "--xattr", "/work/usr.img", "/work/usr"]
        job.sandbox.run([*RESTORE, *restore])
        job.sandbox.run([*TAR, "--xattrs", "--file=/out/usr.tar", "--directory=/work/usr", "."])
        _cut_out(image, ESP, job.work / "esp.img")
        job.sandbox.run(["mcopy", "-i", "/work/esp.img", f"::/{KERNEL}", "/out/vmlinuz"])


def _cut_out(image: Path, label: str, place: Path) -> None:
    with image.open("rb") as disk, place.open("w+b") as target:
        table = read_table(disk, image.name)
        partition = partition_of(table, label, image.name)
        start, end = partition.first * table.sector_size, (partition.last + 1) * table.sector_size
        sparse.cut_out(disk, target, start, end)


def _check_btrfs(usr: Path) -> None:
    with usr.open("rb") as file_system:
        try:
            btrfs.top_entries(file_system, 0)
        except btrfs.UnreadableBtrfs as error:
            raise NotFlatcar(
                f"partition `{SLOT_A}` cannot be read: {error.message}",
                hint="a release has a btrfs there; `level: provision` needs no look into it",
            ) from error
