"""One output in the store, finished or in the making: what lies where in its folder."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from distrobuild.formats.tree_digest import file_sums, output_digest, output_files, value_digest
from distrobuild.plan.key import Record

BLOCK = 512
"""Bytes of a block in `st_blocks`, whatever the file system's own are: stat(2)."""


@dataclass(frozen=True)
class Meta:
    """What is known about a finished output: stage name, size in bytes, seconds it took, end (unix time), digest."""

    stage: str
    bytes: int
    seconds: float
    finished: float
    digest: str


@dataclass(frozen=True)
class Entry:
    """One finished output in the store."""

    key: str
    path: Path

    @property
    def output(self) -> Path:
        """The stage's output folder."""
        return self.path / "out"

    @property
    def log(self) -> Path:
        """What the stage printed."""
        return self.path / "log"

    @property
    def meta(self) -> Meta:
        """Size, times, digest."""
        return Meta(**json.loads((self.path / "meta.json").read_text()))

    @property
    def sums(self) -> dict[str, str]:
        """Hexadecimal SHA-256 of each file of the output, by its path there, as it was when it was stored.

        Empty for what an older distrobuild stored.
        """
        try:
            return file_sums(json.loads((self.path / "files.json").read_text()))
        except FileNotFoundError:
            return {}

    @property
    def record(self) -> Record:
        """What the key was made of."""
        record: Record = json.loads((self.path / "record.json").read_text())
        return record

    @property
    def used(self) -> float:
        """When a build last made or found it (unix time): the time of its folder, which nothing else changes."""
        return self.path.stat().st_mtime

    @property
    def room(self) -> int:
        """Bytes that it takes of the disk: fewer than its size where an image is mostly holes. Looks at every file."""
        blocks = {}
        for folder, folders, files in os.walk(self.path):
            for name in (*folders, *files):
                status = (Path(folder) / name).lstat()
                blocks[status.st_ino] = status.st_blocks
        return BLOCK * sum(blocks.values())

    def note_use(self) -> None:
        """A build uses it now. That is lost where the store may only be read, and no build fails for it."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def is_intact(self) -> bool:
        """Whether output and record still are what was stored; reads every byte."""
        try:
            return (
                output_digest(output_files(self.output)) == self.meta.digest and value_digest(self.record) == self.key
            )
        except (OSError, ValueError, TypeError):
            return False


@dataclass(frozen=True)
class Scratch:
    """A folder for one run of a stage; becomes an entry by `Store.commit` or is thrown away."""

    path: Path

    @property
    def work(self) -> Path:
        """Thrown away after the run."""
        return self.path / "work"

    @property
    def output(self) -> Path:
        """Becomes the entry's output."""
        return self.path / "out"

    @property
    def log(self) -> Path:
        """What the stage prints."""
        return self.path / "log"
