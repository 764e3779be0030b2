"""Write an ext4 file system with nothing in it: a machine fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats.disk_layout import derived_guid
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
        for folder in options.folders:
            (job.work / "content" / folder).mkdir(parents=True)
        (job.work / "content").mkdir(exist_ok=True)
        uuid = derived_guid(options.image, f"ext4-{options.label}")
        # The seed of the folders' hashes would be drawn by chance.
        extended = f"root_owner=0:0,hash_seed={uuid}"
        command = ["mke2fs", "-q", "-t", "ext4", "-L", options.label, "-U", str(uuid), "-E", extended]
        job.sandbox.run([*command, "-d", "/work/content", f"/out/{FILE}", f"{options.size >> 10}k"])
