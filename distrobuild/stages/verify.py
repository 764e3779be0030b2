"""Check the detached signature of a fetched tarball before anything is built from it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from distrobuild.stages.signature import INPUTS, BadSignature, check_signature
from distrobuild.stages.stage import Job, Options, Stage


class VerifyOptions(Options):
    """Nothing to choose: inputs say what is checked against what."""


class VerifyStage(Stage[VerifyOptions]):
    """A tarball and its signature -> the same tarball, proven.

    kernel.org signs the uncompressed tar file (https://www.kernel.org/signature.html), so that is what is checked.
    """

    kind = "verify"
    inputs = {"source": "a folder with one .tar.xz", **INPUTS}
    outputs = {".": "the tarball"}

    def run(self, job: Job) -> None:
        """Unpack, let gpgv judge, hand the tarball on. Raises `BadSignature`."""
        (tarball,) = job.inputs["source"].glob("*.tar.xz")
        with (job.work / "source.tar").open("wb") as stream:
            process = job.sandbox.start(["xz", "-dc", f"/inputs/source/{tarball.name}"], stdout=stream)
            if process.wait():
                raise BadSignature(f"{tarball.name} is no xz file")
        check_signature(job, "/work/source.tar", tarball.name)
        _link(tarball, job.output / tarball.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
