"""Make one of this project's packages into an ebuild: the same files that its `.deb` has, by Portage's rules.

The files travel as a source archive beside the repository, with its digests in the package's Manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import InvalidInput
from distrobuild.formats import ebuild
from distrobuild.formats.package_tree import write_files
from distrobuild.formats.template import render
from distrobuild.manifest import gentoo
from distrobuild.manifest.package import SOURCE, Package, load_package
from distrobuild.stages.portage_package import DISTFILES, REPOSITORY, PortagePackage, pack
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "ebuild"
VARIABLES = {"depends": "RDEPEND", "build_depends": "BDEPEND", "conflicts": "RDEPEND"}
"""Key of a package, and the ebuild's variable that its requirements go to."""
SYSUSERS, TMPFILES = "usr/lib/sysusers.d", "usr/lib/tmpfiles.d"


class EbuildOptions(Options):
    """Which package, and what its templates may say about the distribution and its base, as for the `.deb`."""

    package: str
    """Name of the package."""
    name: str
    """Short name of the distribution (`mlos`)."""
    title: str
    """Name of the distribution for people (`MLOS Linux`)."""
    version: str
    """Version of the distribution; also of every package that has none of its own."""
    maintainer: str
    """`Name <mail@host>` of packages that name nobody."""
    base_distribution: str
    """Base that the templates may name; the files are the same as those of the `.deb`."""
    base_suite: str
    """Likewise."""
    own: tuple[str, ...]
    """All packages of the project, which need no name in Gentoo."""


class EbuildStage(Stage[EbuildOptions]):
    """`packages/NAME` -> an ebuild, and the archive of its sources."""

    kind: ClassVar[str] = "ebuild"
    inputs: ClassVar[Mapping[str, str]] = {"package": "the folder packages/NAME"}
    outputs: Mapping[str, str] = {
        REPOSITORY: "part of an ebuild repository: CATEGORY/NAME/ and licenses/",
        DISTFILES: "the archive of its sources, if it has any",
    }

    def run(self, job: Job) -> None:
        """Write it. Raises `InvalidInput` for what cannot be said in an ebuild, or for a mistake in a template."""
        options, folder = self.options, job.inputs["package"]
        package = load_package(folder, options.package)
        if problems := list(gentoo.problems(folder, package, options.version, options.own)):
            raise InvalidInput(problems)
        version = gentoo.version(package.version or options.version)
        (job.output / DISTFILES).mkdir()
        tree = job.work / f"{package.name}-{version}"
        self._write_sources(package, folder, tree)
        distfiles = [pack(job, tree)] if any(tree.iterdir()) else []
        maintainer = package.maintainer or options.maintainer
        described = PortagePackage(
            category=gentoo.category(options.name),
            name=package.name,
            version=version,
            licence=ebuild.LICENCES[package.license],
            maintainer=maintainer,
            paragraphs=tuple(" ".join(text.split()) for text in package.description.strip().split("\n\n")),
        )
        year = datetime.fromtimestamp(job.epoch, UTC).year
        facts = self._facts(package, tree) | {"copyright": package.copyright or f"{year} {maintainer}"}
        described.write(job, render(TEMPLATES / "package.ebuild.j2", facts), distfiles)

    def _write_sources(self, package: Package, folder: Path, tree: Path) -> None:
        tree.mkdir()
        facts = {name: value for name, value in self.options if name not in {"package", "own"}}
        write_files(package, folder, tree / "files", facts)
        if (folder / SOURCE).is_dir():
            shutil.copytree(folder / SOURCE, tree / SOURCE, symlinks=True)
        elif not any((tree / "files").iterdir()):
            (tree / "files").rmdir()

    def _facts(self, package: Package, tree: Path) -> dict[str, object]:
        options = self.options
        needs: dict[str, list[str]] = {}
        for field, variable in VARIABLES.items():
            atoms = gentoo.atoms(package, field, options.own, gentoo.category(options.name))
            needs.setdefault(variable, []).extend(atoms)
        return {
            "package": package,
            "description": ebuild.quoted(package.summary),
            # Every ebuild names an address; the domain is reserved for those that cannot exist (RFC 2606, section 2).
            "homepage": ebuild.quoted(package.homepage or f"https://{options.name}.invalid/"),
            "licence": ebuild.LICENCES[package.license],
            "needs": needs,
            "distfile": any(tree.iterdir()),
            "sysusers": _names(tree / "files" / SYSUSERS),
            "tmpfiles": _names(tree / "files" / TMPFILES),
        }


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.conf"))
