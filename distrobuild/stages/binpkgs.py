"""The signed host of binary packages that emerge installs from: every package signed, and the index `Packages`.

Each package carries its signatures within itself (GLEP 78), so that one with a throw-away key differs from build to
build. What it installs does not.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.stages.openpgp import GPG, HOME, Signer
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job, Options, Stage

BINPKGS = "binpkgs"
KEY = "binpkgs-key.asc"
PORTAGE = "[PORTAGE_CONFIG]"
"""Where Portage puts its own arguments in a command for gpg."""


class NotListed(DistrobuildError):
    """The index lacks packages: Portage found their signatures or their files wrong."""


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
            _check_index(folder)
            signer.gpg("--armor", "--export", "--output", f"/out/{KEY}")


def _settings(signer: Signer) -> dict[str, str]:
    sign = [f"/usr/bin/{GPG[0]}", "--batch", "--pinentry-mode=loopback", *signer.clock, "--sign", "--armor", PORTAGE]
    # Portage takes a signature for good only if its key is trusted.
    verify = ["/usr/bin/gpg", "--verify", "--batch", "--no-tty", f"--trusted-key={signer.fingerprint}", "--status-fd=2"]
    return {
        "PKGDIR": f"/out/{BINPKGS}",
        "BINPKG_FORMAT": "gpkg",
        "FEATURES": "binpkg-signing",
        "BINPKG_GPG_SIGNING_BASE_COMMAND": " ".join(sign),
        "BINPKG_GPG_SIGNING_GPG_HOME": f"/work/{HOME}",
        "BINPKG_GPG_SIGNING_KEY": signer.fingerprint,
        "BINPKG_GPG_VERIFY_BASE_COMMAND": " ".join([*verify, PORTAGE, "[SIGNATURE]"]),
        "BINPKG_GPG_VERIFY_GPG_HOME": f"/work/{HOME}",
        "GPG_VERIFY_USER_DROP": "",  # nobody else may read the home
        "GPG_VERIFY_GROUP_DROP": "",
    }


def _check_index(folder: Path) -> None:
    """emaint leaves out what it cannot verify, and says so only in passing."""
    listed = re.findall(r"^PATH: (.*)$", (folder / "Packages").read_text("utf-8"), re.MULTILINE)
    there = {package.relative_to(folder).as_posix() for package in folder.rglob("*.gpkg.tar")}
    if missing := sorted(there - set(listed)):
        raise NotListed(f"the index of binary packages lacks {', '.join(missing)}")
