"""Write an ext4 file system with nothing in it: a machine fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.stages.ext4_file_system import CONTENT, write_ext4
from distrobuild.stages.stage import Job, Options, Stage

FILE = "filesystem.img"


class Ext4Options(Options):
    """The file system."""

    image: str
    """Name and version of the image; the UUID depends on it and on the label."""
    label: str
    """Volume label, at most 16 bytes."""
    size: int
    """Bytes of the partition."""
    folders: tuple[str, ...] = ()
    """Folders that are there from the start: mount points."""


class Ext4Stage(Stage[Ext4Options]):
    """Nothing -> an almost empty ext4 file system."""

    kind: ClassVar[str] = "ext4"
    outputs: Mapping[str, str] = {FILE: "the file system; sparse"}

    def run(self, job: Job) -> None:
        """Write. Raises `ProgramFailed`."""
        options = self.options
        for folder in (".", *options.folders):
            (job.work / CONTENT / folder).mkdir(parents=True, exist_ok=True)
        write_ext4(job, f"/out/{FILE}", image=options.image, label=options.label, size=options.size)
