"""The signed APT repository that an image installs this project's packages and kernel from.

Who may trust what: `repository-key.asc` is the key that verifies this very repository; the build itself uses
it, so that apt checks the signature as everywhere else. `keyring/` is what an image may trust for good: the
same key if the manifest names one in `signing`, nothing at all if it was thrown away after this build. A
throw-away key differs from build to build, and so do the signature and the public key; `Packages`,
`Release` and the pool do not. Images take bytes from the latter and from `keyring/` only, which keeps them
reproducible without a secret that everybody could compute.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats.deb_repository import (
    Suite,
    read_deb,
    repository_indexes,
    without_duplicates,
)
from distrobuild.stages.openpgp import Signer
from distrobuild.stages.stage import Job, Options, Stage

KEY = "repository-key.asc"


class RepositoryOptions(Options):
    """How the repository calls itself."""

    name: str
    """Short name of the distribution; name of the keyring file in the image."""
    title: str
    """Name of the distribution for people: Origin and Label."""
    codename: str
    """Suite of the repository, for example `trixie`: what stands in a sources list."""
    architecture: str = "amd64"
    """Debian's name of the processor."""


class RepositoryStage(Stage[RepositoryOptions]):
    """`.deb`s -> a repository with `Packages`, `Release` and `InRelease`."""

    kind: ClassVar[str] = "repository"
    inputs: ClassVar[Mapping[str, str]] = {
        "debs/*": "folder with .deb files, at any depth",
        "key": "armoured OpenPGP secret key without passphrase; without it a key is made and thrown away",
    }
    outputs: Mapping[str, str] = {
        "repository": "the APT repository: dists/CODENAME and pool/",
        KEY: "public key that verifies it",
        "keyring": "public keys that an image may trust for good: NAME-archive-keyring.asc or nothing",
    }

    def run(self, job: Job) -> None:
        """Write and sign the repository. Raises `BadPackage`, `SamePackageTwice` or `BadSigningKey`."""
        self._write(job)
        suite = f"/out/repository/dists/{self.options.codename}"
        with Signer(job, f"{self.options.title} repository") as signer:
            signer.gpg("--clearsign", "--output", f"{suite}/InRelease", f"{suite}/Release")
            signer.gpg("--armor", "--export", "--output", f"/out/{KEY}")
        keyring = job.output / "keyring"
        keyring.mkdir()
        if signer.lasting:
            shutil.copyfile(job.output / KEY, keyring / f"{self.options.name}-archive-keyring.asc")

    def _write(self, job: Job) -> None:
        folders = [path for name, path in sorted(job.inputs.items()) if name.startswith("debs/")]
        files = [file for folder in folders for file in sorted(folder.rglob("*.deb"))]
        packages = {file: read_deb(file) for file in files}
        root = job.output / "repository"
        for file, package in packages.items():
            target = root / package.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        title, codename = self.options.title, self.options.codename
        suite = Suite(title, title, codename, self.options.architecture, job.epoch)
        for path, content in repository_indexes(suite, without_duplicates(packages.values())).items():
            index = root / path
            index.parent.mkdir(parents=True, exist_ok=True)
            index.write_bytes(content)
