"""Put this project's ebuilds together to one Portage repository, and have pkgcheck judge it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job, Options, Stage

NEEDS_GENTOO = ("NonexistentDeps", "NonsolvableDepsInStable", "NonsolvableDepsInDev", "NonsolvableDepsInExp")
"""Complaints about what the packages need: Gentoo's own repository has that, and is not here to be asked."""
REFUSED = ("error", "warning", "style")
"""Levels of complaints that no repository is handed out with."""


class EbuildRefused(DistrobuildError):
    """pkgcheck complains about an ebuild."""


class OverlayOptions(Options):
    """What the repository is called."""

    name: str
    """Short name of the distribution."""
    diversions: tuple[str, ...] = ()
    """Paths that packages of the repository take over from others."""


class OverlayStage(Stage[OverlayOptions]):
    """Ebuilds -> a Portage repository, clean to pkgcheck, and the source archives beside it."""

    kind: ClassVar[str] = "overlay"
    inputs: ClassVar[Mapping[str, str]] = {
        "ebuilds/*": "what ebuild stages made",
        "python": "the environment with Portage and pkgcheck",
    }
    outputs: Mapping[str, str] = {"overlay": "the repository", "distfiles": "the sources that its Manifests name"}

    def run(self, job: Job) -> None:
        """Write and check it. Raises `EbuildRefused` with pkgcheck's words."""
        folders = [folder for name, folder in sorted(job.inputs.items()) if name.startswith("ebuilds/")]
        repository = job.work / REPOSITORY
        fragments = [folder / "repository" for folder in folders]
        write_repository(repository, self.options.name, fragments, self.options.diversions)
        _check(job, self.options.name)
        shutil.copytree(repository, job.output / "overlay")
        for folder in folders:
            shutil.copytree(folder / "distfiles", job.output / "distfiles", dirs_exist_ok=True)


def _check(job: Job, name: str) -> None:
    keywords = ",".join([*REFUSED, *(f"-{keyword}" for keyword in NEEDS_GENTOO)])
    if said := Portage(job, name).check(f"--keywords={keywords}").strip():
        raise EbuildRefused(
            "pkgcheck refuses the ebuilds:\n" + textwrap.indent(said, "  "),
            hint="an ebuild says what its `package.yaml` does; docs/packages.md tells what becomes of each key",
        )
