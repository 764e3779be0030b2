"""A repository around packages that are at hand, for mmdebstrap to install a root file system from without network.

The digests of the lock are the trust here: fetched files were checked against them, so nothing is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from distrobuild.formats.deb_repository import BinaryPackage, Suite, read_deb, repository_indexes
from distrobuild.stages.stage import Job

LABEL = "locked packages"
"""Label of the repository."""


def packages_below(job: Job, name: str) -> list[BinaryPackage]:
    """Every `.deb` of the input `name`, at the path that it has in the repository."""
    folder = job.inputs[name]
    files = sorted(folder.rglob("*.deb"))
    return [replace(read_deb(file), path=f"{name}/{file.relative_to(folder).as_posix()}") for file in files]


@dataclass(frozen=True)
class LockedPackages:
    """The packages of inputs of a stage, for one release and architecture."""

    suite: str
    architecture: str
    packages: Sequence[BinaryPackage]

    @property
    def kibibytes(self) -> int:
        """What all of them take once they are installed, by their own word."""
        return sum(int(package.control.get("Installed-Size", 0)) for package in self.packages)

    def write(self, job: Job) -> None:
        """Write the repository to /work/locked; the packages stay where they are."""
        repository = job.work / "locked"
        repository.mkdir()
        for top in {package.path.partition("/")[0] for package in self.packages}:
            (repository / top).symlink_to(f"/inputs/{top}")
        # mmdebstrap finds the Essential packages by the suite that they come from, so a flat folder would not do.
        suite = Suite("distrobuild", LABEL, self.suite, self.architecture, job.epoch)
        for path, content in repository_indexes(suite, self.packages).items():
            place = repository / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def install(self, variant: str, names: Iterable[str], *options: str) -> list[str]:
        """The command that installs packages into a root file system and writes that to /out/rootfs.tar.

        `variant` is mmdebstrap's word for what comes along unasked; `options` are further options of it.
        """
        return [
            "mmdebstrap",
            "--mode=root",
            f"--variant={variant}",
            "--format=tar",
            f"--architectures={self.architecture}",
            f"--include={','.join(names)}",
            "--aptopt=APT::Install-Recommends false",
            "--aptopt=APT::Sandbox::User root",
            "--dpkgopt=force-unsafe-io",
            *options,
            self.suite,
            "/out/rootfs.tar",
            f"deb [trusted=yes] copy:///work/locked {self.suite} main",
        ]
