"""Check that a release image of Flatcar is what Flatcar released, and unpack it.

Nothing is unpacked of a file that nobody vouches for.
"""

from __future__ import annotations

import bz2
import hashlib
import os
from collections.abc import Iterator
from io import BufferedReader

from distrobuild.errors import DistrobuildError
from distrobuild.formats import sparse
from distrobuild.formats.flatcar_image import TruncatedImage, read_table
from distrobuild.stages.signature import INPUTS, check_signature
from distrobuild.stages.stage import Job, Options, Stage

FILE = "image.raw"
BZIP2 = b"BZh"
"""How a file begins that bzip2 has packed."""


class WrongImage(DistrobuildError):
    """The file is another one than the manifest names."""


class OfficialOptions(Options):
    """Which image."""

    name: str
    """The file, as messages call it."""
    sha256: str | None = None
    """Its digest (hexadecimal), where the manifest has it."""
    signed: bool = False
    """Whether there is a signature to check."""


class OfficialStage(Stage[OfficialOptions]):
    """A release image, packed by bzip2 or not -> the disk."""

    kind = "official"
    inputs = {"image": "the image as it was published, or unpacked; or a folder with it", **INPUTS}
    outputs = {FILE: "the disk; sparse"}

    def run(self, job: Job) -> None:
        """Check, unpack, look whether it is Flatcar.

        Raises `WrongImage`, `BadSignature`, `TruncatedImage`, `NotFlatcar` or `DamagedPartitionTable`.
        """
        path, name = job.inputs["image"], self.options.name
        if path.is_dir():
            path /= name
        with path.open("rb") as source:
            before = _state(os.fstat(source.fileno()))
            if self.options.sha256 is not None:
                _check_digest(source, name, self.options.sha256)
            if self.options.signed:
                check_signature(job, "/inputs/image", name)
            with (job.output / FILE).open("w+b") as disk:
                sparse.write_with_holes(_pieces(source, name), disk)
                if _state(path.stat()) != before:
                    raise WrongImage(f"{name} was changed while it was read", hint="build again once it is whole")
                read_table(disk, name)


def _check_digest(source: BufferedReader, name: str, wanted: str) -> None:
    source.seek(0)
    found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != wanted:
        raise WrongImage(f"{name}: sha256 is {found}, the manifest says {wanted}", hint="do not build from it")


def _pieces(source: BufferedReader, name: str) -> Iterator[bytes]:
    """The disk from its beginning to its end."""
    source.seek(0)
    packed = source.read(len(BZIP2)) == BZIP2
    source.seek(0)
    stream = bz2.BZ2File(source) if packed else source
    try:
        while piece := stream.read(sparse.COPY_SIZE):
            yield piece
    except (EOFError, OSError) as error:
        if not packed or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise TruncatedImage(f"{name} cannot be unpacked: {error}", hint="fetch it again") from error


def _state(status: os.stat_result) -> tuple[int, int, int]:
    """What changes when somebody writes to a file or puts another one in its place."""
    return status.st_ino, status.st_size, status.st_mtime_ns
