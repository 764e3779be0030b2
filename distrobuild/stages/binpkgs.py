"""The signed host of binary packages that emerge installs from: every package signed, and the index `Packages`.

Each package carries its signatures within itself (GLEP 78), so that one with a throw-away key differs from build to
build. What it installs does not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.stages.openpgp import GPG, HOME, Signer
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job, Options, Stage

BINPKGS = "binpkgs"
KEY = "binpkgs-key.asc"
FROM_PORTAGE = "[PORTAGE_CONFIG]"
"""Where Portage puts its own arguments in a command for gpg."""


class BinpkgsOptions(Options):
    """How the packages call themselves."""

    name: str
    """Short name of the distribution."""
    title: str
    """Its name for people, in the name of a throw-away key."""


class BinpkgsStage(Stage[BinpkgsOptions]):
    """Binary packages -> the same, signed, with their index."""

    kind: ClassVar[str] = "binpkgs"
    inputs: ClassVar[Mapping[str, str]] = {
        "gpkgs/*": "what gpkg stages made",
        "python": "the environment with Portage",
        "key": "armoured OpenPGP secret key without passphrase; without it a key is made and thrown away",
    }
    outputs: Mapping[str, str] = {BINPKGS: "the packages and their index", KEY: "public key that verifies them"}

    def run(self, job: Job) -> None:
        """Sign and list them. Raises `BadSigningKey` or `ProgramFailed`."""
        folder = job.output / BINPKGS
        for name, place in sorted(job.inputs.items()):
            if name.startswith("gpkgs/"):
                shutil.copytree(place / BINPKGS, folder, dirs_exist_ok=True)
        write_repository(job.work / REPOSITORY, self.options.name, [])
        with Signer(job, f"{self.options.title} binary packages") as signer:
            portage = Portage(job, self.options.name, _settings(signer))
            for package in sorted(folder.rglob("*.gpkg.tar")):
                portage.run("gpkg-sign", f"/out/{package.relative_to(job.output)}")
                os.utime(package, (job.epoch, job.epoch))  # the index has it
            portage.run("emaint", "--fix", "binhost")
            signer.gpg("--armor", "--export", "--output", f"/out/{KEY}")


def _settings(signer: Signer) -> dict[str, str]:
    command = [f"/usr/bin/{GPG[0]}", "--batch", "--pinentry-mode=loopback", *signer.clock, "--sign", "--armor"]
    return {
        "PKGDIR": f"/out/{BINPKGS}",
        "BINPKG_FORMAT": "gpkg",
        "FEATURES": "binpkg-signing",
        "BINPKG_GPG_SIGNING_BASE_COMMAND": " ".join([*command, FROM_PORTAGE]),
        "BINPKG_GPG_SIGNING_GPG_HOME": f"/work/{HOME}",
        "BINPKG_GPG_SIGNING_KEY": signer.fingerprint,
    }
