"""Protect a read-only file system by a dm-verity hash tree: its root hash stands for every byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats.disk_layout import aligned, derived_guid
from distrobuild.formats.package_list import read_package_list
from distrobuild.formats.verity import BLOCK_SIZE, Verity, derived_salt, write_tree
from distrobuild.stages.stage import Job, Options, Stage

DATA, TREE = "usr.img", "usr-verity.img"
LARGEST = 10
"""How many packages are named where all of them are too many."""


class FileSystemTooLarge(DistrobuildError):
    """A file system does not fit into the slot that the disk has for it."""


class VerityOptions(Options):
    """Room and identity."""

    image: str
    """Name and version of the image; salt and UUID depend on it only."""
    room: int
    """Bytes that the slot has for data, whole blocks of 4 KiB."""
    together: bool
    """Whether one partition holds data and tree: then all of the room is protected, and the tree stands behind it.
    Else the tree is a file of its own, for another partition."""


class VerityStage(Stage[VerityOptions]):
    """A file system -> the same as it stands in its partition, its hash tree, and the root hash."""

    kind: ClassVar[str] = "verity"
    inputs: ClassVar[Mapping[str, str]] = {
        "filesystem": "what a squashfs stage made",
        "install": "what the install stage made: what the file system holds, for messages; optional",
    }
    outputs: Mapping[str, str] = {
        DATA: "the file system, with its tree if they stand together; sparse",
        "roothash": "root hash, 64 hexadecimal digits",
    }

    def __init__(self, options: VerityOptions) -> None:
        super().__init__(options)
        if not options.together:
            self.outputs = {**self.outputs, TREE: "the hash tree"}

    def run(self, job: Job) -> None:
        """Hash. Raises `FileSystemTooLarge`."""
        source = job.inputs["filesystem"] / "filesystem.squashfs"
        room, size = self.options.room, source.stat().st_size
        if size > room:
            raise FileSystemTooLarge(
                f"the file system has {size} bytes, {size - room} more than the {room} of its slot",
                hint=self._largest(job),
            )
        protected = room if self.options.together else aligned(size, BLOCK_SIZE)
        identity = self.options.image
        verity = Verity(protected // BLOCK_SIZE, derived_salt(identity), derived_guid(identity, "verity"))
        image = job.output / DATA
        shutil.copyfile(source, image)
        os.truncate(image, protected)
        with image.open("r+b") as data:
            if self.options.together:
                root_hash = write_tree(verity, data, data, protected)
            else:
                with (job.output / TREE).open("w+b") as tree:
                    root_hash = write_tree(verity, data, tree)
        (job.output / "roothash").write_text(f"{root_hash}\n", "ascii")

    @staticmethod
    def _largest(job: Job) -> str | None:
        if "install" not in job.inputs:
            return None
        packages = read_package_list(job.inputs["install"] / "packages.json")
        largest = sorted(packages, key=lambda package: -package.installed_kib)[:LARGEST]
        names = ", ".join(f"{package.name} ({package.installed_kib / 1024:.0f} MiB)" for package in largest)
        return f"leave packages or documentation out of the target; the largest: {names}"
