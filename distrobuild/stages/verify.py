"""Check the detached signature of a fetched tarball before anything is built from it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job, Options, Stage


class VerifyOptions(Options):
    """Nothing to choose: inputs say what is checked against what."""


class BadSignature(DistrobuildError):
    """The signature does not fit the file, or its key is not in the keyring."""


class VerifyStage(Stage[VerifyOptions]):
    """A tarball and its signature -> the same tarball, proven.

    kernel.org signs the uncompressed tar file (https://www.kernel.org/signature.html), so that is what is checked.
    """

    kind = "verify"
    inputs = {
        "source": "a folder with one .tar.xz",
        "signature": "the detached OpenPGP signature of the .tar in it",
        "keyring": "public keys whose signature is accepted, as gpgv reads them",
    }
    outputs = {".": "the tarball"}

    def run(self, job: Job) -> None:
        """Unpack, let gpgv judge, hand the tarball on. Raises `BadSignature`."""
        (tarball,) = job.inputs["source"].glob("*.tar.xz")
        with (job.work / "source.tar").open("wb") as stream:
            process = job.sandbox.start(["xz", "-dc", f"/inputs/source/{tarball.name}"], stdout=stream)
            if process.wait():
                raise BadSignature(f"{tarball.name} is no xz file")
        check = ["gpgv", "--keyring", "/inputs/keyring", "/inputs/signature", "/work/source.tar"]
        try:
            job.sandbox.run(check)
        except ProgramFailed as error:
            raise BadSignature(f"{tarball.name}: " + " ".join(error.tail), hint="do not build from it") from error
        _link(tarball, job.output / tarball.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
