"""Build binary packages of ebuilds, by Portage itself (GLEP 78: gpkg). They are signed where they are published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job, Options, Stage

BINPKGS = "binpkgs"
FLAGS = ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS")
"""Of the compiler: those that the `.deb` was compiled with. Portage by itself has none, not even to optimise."""
HARDENING = {"DEB_BUILD_MAINT_OPTIONS": "hardening=+all"}


class GpkgOptions(Options):
    """What the repository is called."""

    name: str
    """Short name of the distribution."""


class GpkgStage(Stage[GpkgOptions]):
    """Ebuilds -> CATEGORY/NAME/NAME-VERSION-1.gpkg.tar."""

    kind: ClassVar[str] = "gpkg"
    inputs: ClassVar[Mapping[str, str]] = {
        "ebuild": "what an ebuild stage made",
        "python": "the environment with Portage",
    }
    outputs: Mapping[str, str] = {BINPKGS: "the binary packages, not yet signed"}

    def run(self, job: Job) -> None:
        """Build. Raises `ProgramFailed` with what Portage said."""
        repository = job.work / REPOSITORY
        write_repository(repository, self.options.name, [job.inputs["ebuild"] / "repository"])
        settings = {
            "DISTDIR": "/inputs/ebuild/distfiles",
            "PKGDIR": f"/out/{BINPKGS}",
            "BINPKG_FORMAT": "gpkg",
            "BINPKG_COMPRESS": "zstd",
            # Portage would compress manual pages after it has fixed all times, and date their folders anew.
            "PORTAGE_COMPRESS": "",
            **{name: _flags(job, name) for name in FLAGS},
        }
        # What a package needs is for where it is installed; nothing of it takes part in building it.
        ebuilds = [f"={path.parent.parent.name}/{path.stem}" for path in sorted(repository.glob("*/*/*.ebuild"))]
        Portage(job, self.options.name, settings).emerge("--buildpkgonly", "--nodeps", *ebuilds)
        for index in (job.output / BINPKGS).glob("Packages*"):
            index.unlink()


def _flags(job: Job, name: str) -> str:
    return job.sandbox.read(["dpkg-buildflags", "--get", name], environment=HARDENING).decode().strip()
