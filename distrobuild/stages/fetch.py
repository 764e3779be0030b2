"""Fetch files and prove that they are the ones in the lock."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.stages.download import FileGone, download
from distrobuild.stages.stage import Job, Options, Stage

CONNECTIONS = 8


class File(Options):
    """One file: its name in the output, its size in bytes where known, its digest (hexadecimal)."""

    name: str
    size: int | None
    sha256: str


class FetchOptions(Options):
    """What is fetched. Where from is no part of it: the digest alone says what a file is."""

    files: tuple[File, ...]


class WrongDigest(DistrobuildError):
    """What came is not what the lock names."""


class FetchStage(Stage[FetchOptions]):
    """`files` by digest. A file once fetched stays in the cache, so a build goes on after the archive has moved on."""

    kind = "fetch"
    outputs = {".": "the fetched files"}
    uses_network = True

    def __init__(self, options: FetchOptions, addresses: Mapping[str, str]) -> None:
        """`addresses` maps each sha256 to the URL where the lock saw it."""
        super().__init__(options)
        self.addresses = addresses

    def run(self, job: Job) -> None:
        """Take each file from the cache or its address, verified either way."""
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            fetched = [pool.submit(self._one, file, job.cache, job.log) for file in self.options.files]
            for file, future in zip(self.options.files, fetched, strict=True):
                _place(future.result(), job.output / file.name)

    def _one(self, file: File, cache: Path, log: Callable[[str], None]) -> Path:
        place = cache / file.sha256
        if place.exists():
            if _digest(place) == file.sha256:
                return place
            place.unlink()
            log(f"{file.name}: damaged in the cache, fetched again")
        url = self.addresses[file.sha256]
        scratch = cache / f"{uuid.uuid4().hex}.unverified"
        try:
            download(url, scratch)
            found = _digest(scratch)
            if found != file.sha256:
                raise WrongDigest(
                    f"{url}: sha256 is {found}, the lock says {file.sha256}",
                    hint="the file changed under its name: if that is meant, run `distrobuild lock --update`",
                )
            scratch.replace(place)
        except FileGone as error:
            raise FileGone(
                f"{url}: the archive no longer has this locked file",
                hint="`distrobuild lock --update` resolves to what it has now; or `distrobuild cache import FILE` "
                "brings the file back from a machine that still has it",
            ) from error
        finally:
            scratch.unlink(missing_ok=True)
        log(f"{file.name}: {place.stat().st_size} bytes")
        return place


def _place(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
