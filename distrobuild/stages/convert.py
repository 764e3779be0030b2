"""Write the disk image in the format that a hypervisor or a cloud takes. What the disk holds stays the same.

Where a format has a place for a random number or the time, it gets one made of the image's name, or the fixed clock.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from distrobuild.errors import DistrobuildError
from distrobuild.formats import sparse, sparse_tar, vhd, vmdk
from distrobuild.stages.stage import Job, Options, Stage

Format: TypeAlias = Literal["qcow2", "vmdk", "vhd", "gce"]
GIBIBYTE = 1 << 30
GZIP_LEVEL = 6


class OddSize(DistrobuildError):
    """A disk that is no whole number of mebibytes."""


class ConvertOptions(Options):
    """Which format."""

    format: Format
    """`qcow2` for QEMU, `vmdk` for VMware, `vhd` (fixed) for Azure, `gce` for Google's Compute Engine."""
    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]*$")
    """Name of the result, for example `mlos-1.0.0-vm-amd64.qcow2`."""
    image: str
    """Name and version of the image, of which the formats' numbers are made."""


class ConvertStage(Stage[ConvertOptions]):
    """A raw disk image -> the same disk in another format."""

    kind: ClassVar[str] = "convert"
    inputs: ClassVar[Mapping[str, str]] = {"disk": "what the disk stage made: one .raw"}
    outputs: Mapping[str, str] = {}

    def __init__(self, options: ConvertOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the disk"}

    def run(self, job: Job) -> None:
        """Convert. Raises `OddSize`, or `ProgramFailed`."""
        (disk,) = job.inputs["disk"].glob("*.raw")
        if excess := disk.stat().st_size % vhd.MEBIBYTE:
            raise OddSize(
                f"{disk.name} has {excess} bytes more than a whole number of MiB, which is what clouds take",
                hint="the sizes of the disk layout's partitions must add up to whole MiB",
            )
        convert: dict[Format, Callable[[Job, Path], None]] = {
            "qcow2": self._qcow2,
            "vmdk": self._vmdk,
            "vhd": self._vhd,
            "gce": self._gce,
        }
        convert[self.options.format](job, disk)

    @property
    def _number(self) -> UUID:
        """A number for this image that no other has."""
        return UUID(bytes=hashlib.sha256(self.options.image.encode()).digest()[:16], version=4)

    def _qcow2(self, job: Job, disk: Path) -> None:
        # The old format, which every version of QEMU and every cloud built on it reads; Flatcar ships it as well.
        self._qemu_img(job, disk, "-O", "qcow2", "-c", "-o", "compat=0.10")

    def _vmdk(self, job: Job, disk: Path) -> None:
        self._qemu_img(job, disk, "-O", "vmdk", "-o", "adapter_type=lsilogic")
        with (job.output / self.options.file_name).open("r+b") as file:
            vmdk.set_content_id(file, self._number.int & 0xFFFFFFFF)

    def _vhd(self, job: Job, disk: Path) -> None:
        size = disk.stat().st_size
        with disk.open("rb") as source, (job.output / self.options.file_name).open("wb") as target:
            sparse.copy_into(source, target, 0)
            target.seek(size)
            target.write(vhd.footer(size, job.epoch, self._number))

    def _gce(self, job: Job, disk: Path) -> None:
        """An archive with one file, `disk.raw`. Compute Engine documents whole GiB for it, so zeros are added."""
        size = -(-disk.stat().st_size // GIBIBYTE) * GIBIBYTE
        with (
            disk.open("rb") as source,
            (job.output / self.options.file_name).open("wb") as target,
            gzip.GzipFile("", "wb", GZIP_LEVEL, target, mtime=0) as archive,
        ):
            sparse_tar.write_archive(archive, "disk.raw", source, size, job.epoch)

    def _qemu_img(self, job: Job, disk: Path, *options: str) -> None:
        target = f"/out/{self.options.file_name}"
        job.sandbox.run(["qemu-img", "convert", "-f", "raw", *options, f"/inputs/disk/{disk.name}", target])
