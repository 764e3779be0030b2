"""Put the partitions of a disk image together: a partition table, and each file system at its place.

No loop device, no mount and no rights are needed. What is empty stays a hole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from distrobuild.errors import DistrobuildError
from distrobuild.formats import disk_layout, sparse
from distrobuild.stages.stage import Job, Options, Stage


class PartitionTooLarge(DistrobuildError):
    """What should stand in a partition has more bytes than the partition."""


class DiskOptions(Options):
    """Which disk."""

    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]*\.raw$")
    """Name of the image, for example `mlos-1.0.0-vm-amd64.raw`."""
    layout: Literal["flatcar", "systemd"]
    """Which partitions there are."""
    name: str
    """Name of the image; GUIDs that the layout leaves open are made of name and version."""
    version: str
    """Its version."""
    disk: str = "base"
    """Kind of disk, by which the layout `flatcar` tells its sizes."""
    content: dict[str, str]
    """Role of a partition to the file of its input that stands in it."""


class DiskStage(Stage[DiskOptions]):
    """Content of partitions -> a disk image."""

    kind: ClassVar[str] = "disk"
    inputs: ClassVar[Mapping[str, str]] = {
        "partitions/*": "by role in the layout: a folder with the content",
        "verity": "what the verity stage made: the root hash, if the layout finds /usr by it; optional",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: DiskOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the image; sparse"}

    def run(self, job: Job) -> None:
        """Write the image. Raises `PartitionTooLarge`."""
        options = self.options
        layout = disk_layout.named(options.layout, options.name, options.version, options.disk)
        table = layout.table(f"{options.name}_{options.version}", _guids(job))
        with (job.output / self.options.file_name).open("w+b") as disk:
            disk.truncate(table.sectors * disk_layout.SECTOR)
            table.write(disk)
            for planned in layout.partitions:
                if planned.role not in options.content:
                    continue
                content = job.inputs[f"partitions/{planned.role}"] / options.content[planned.role]
                if (excess := content.stat().st_size - planned.size) > 0:
                    raise PartitionTooLarge(
                        f"{content.name} has {excess} bytes more than partition `{planned.name}` ({planned.size})"
                    )
                first = table.partition(planned.number).first
                with content.open("rb") as source:
                    sparse.copy_into(source, disk, first * disk_layout.SECTOR)


def _guids(job: Job) -> dict[str, UUID]:
    """The GUIDs by which systemd finds /usr and its tree at boot."""
    if "verity" not in job.inputs:
        return {}
    data, tree = disk_layout.verity_guids((job.inputs["verity"] / "roothash").read_text("ascii").strip())
    return {"usr-a": data, "usr-verity-a": tree}
