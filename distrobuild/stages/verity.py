"""Protect a read-only file system by a dm-verity hash tree: its root hash stands for every byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats.disk_layout import derived_guid
from distrobuild.formats.verity import BLOCK_SIZE, Verity, derived_salt, write_tree
from distrobuild.stages.stage import Job, Options, Stage


class FileSystemTooLarge(DistrobuildError):
    """A file system does not fit into the slot that the disk has for it."""


class VerityOptions(Options):
    """Room and identity."""

    image: str
    """Name and version of the image; salt and UUID depend on it only."""
    data_blocks: int
    """Blocks of 4 KiB that the slot has for data; all of them are protected, also those behind the file system."""


class VerityStage(Stage[VerityOptions]):
    """A file system -> the same followed by its hash tree, as it stands in one partition, and the root hash."""

    kind: ClassVar[str] = "verity"
    inputs: ClassVar[Mapping[str, str]] = {"filesystem": "what a squashfs stage made"}
    outputs: ClassVar[Mapping[str, str]] = {
        "usr.img": "file system and hash tree; sparse",
        "roothash": "root hash, 64 hexadecimal digits",
    }

    def run(self, job: Job) -> None:
        """Hash. Raises `FileSystemTooLarge`."""
        source = job.inputs["filesystem"] / "filesystem.squashfs"
        room, size = self.options.data_blocks * BLOCK_SIZE, source.stat().st_size
        if size > room:
            raise FileSystemTooLarge(
                f"the file system has {size} bytes, {size - room} more than the {room} of its slot",
                hint="leave packages or documentation out of the target",
            )
        identity = self.options.image
        verity = Verity(self.options.data_blocks, derived_salt(identity), derived_guid(identity, "verity"))
        image = job.output / "usr.img"
        shutil.copyfile(source, image)
        os.truncate(image, room + verity.hash_size)
        with image.open("r+b") as stream:
            root_hash = write_tree(verity, stream, stream, room)
        (job.output / "roothash").write_text(f"{root_hash}\n", "ascii")
