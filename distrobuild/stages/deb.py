"""Build one of this project's packages as a `.deb`.

The neutral description becomes a `debian/` folder that debhelper builds. Standards: Debian policy 4.7.2,
machine-readable copyright 1.0 (DEP-5).
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from distrobuild.formats.package_tree import write_files
from distrobuild.formats.template import render
from distrobuild.manifest.package import SOURCE, Package, Relation, load_package, on_base
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "deb"
DESCRIPTION_WIDTH = 78
"""Columns of a description in `control`, after the space that begins each line."""
OPERATORS = {">=": ">=", "<=": "<=", "=": "=", ">": ">>", "<": "<<"}
"""Comparison of a requirement, and Debian's word for it (policy 7.1)."""
BUILD = (
    "dpkg-buildpackage",
    "--rules-target=binary",  # with the environment and the checks of a build, without its .buildinfo and .changes
    "--ignore-builtin-builddeps",  # the metapackage build-essential: the tools root has what it stands for
)
RELATIONS = ("depends", "recommends", "provides", "conflicts", "replaces")


class DebOptions(Options):
    """Which package, and what its templates may say about the distribution and its base."""

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
    """`debian` or `ubuntu`: chooses in the dependencies' tables."""
    base_suite: str
    """`trixie`, `noble`, ...: likewise, and the suite in the changelog."""


class DebStage(Stage[DebOptions]):
    """`packages/NAME` -> NAME_VERSION_ARCHITECTURE.deb."""

    kind: ClassVar[str] = "deb"
    inputs: ClassVar[Mapping[str, str]] = {"package": "the folder packages/NAME"}
    outputs: Mapping[str, str] = {"debs": "the package as NAME_VERSION_ARCHITECTURE.deb"}

    def run(self, job: Job) -> None:
        """Build the package. Raises `InvalidInput`, or `ProgramFailed` for the build."""
        folder = job.inputs["package"]
        package = load_package(folder, self.options.package)
        tree = job.work / package.name
        tree.mkdir()
        write_files(package, folder, tree / "files", self._facts())
        if (folder / SOURCE).is_dir():
            shutil.copytree(folder / SOURCE, tree / SOURCE, symlinks=True)
        self._write_debian(package, tree / "debian", job.epoch)

        # Debug symbols would come as a package of their own, which nothing installs.
        environment = {"DEB_BUILD_OPTIONS": "noautodbgsym"}
        job.sandbox.run([*BUILD, f"--jobs={job.cpus}"], cwd=f"/work/{package.name}", environment=environment)
        debs = job.output / "debs"
        debs.mkdir()
        for file in sorted(job.work.glob("*.deb")):
            shutil.copyfile(file, debs / file.name)

    def _facts(self) -> dict[str, str]:
        """What templates below `files/` may name."""
        return {name: value for name, value in self.options if name != "package"}

    def _write_debian(self, package: Package, debian: Path, epoch: int) -> None:
        date = datetime.fromtimestamp(epoch, UTC)
        maintainer = package.maintainer or self.options.maintainer
        relations = {name.capitalize(): ", ".join(self._debian_relations(package, name)) for name in RELATIONS}
        facts: dict[str, object] = {
            "package": package,
            "title": self.options.title,
            # Debian's `-` would begin a revision, and its `~` sorts 1.0~rc1 before 1.0.
            "version": (package.version or self.options.version).replace("-", "~"),
            "suite": self.options.base_suite,
            "date": format_datetime(date),
            "maintainer": maintainer,
            "copyright": package.copyright or f"{date.year} {maintainer}",
            "description": _description(package.description),
            "build_depends": self._debian_relations(package, "build_depends"),
            "relations": relations,
            "named": self._named_packages(package),
        }
        debian.mkdir()
        (debian / "source").mkdir()
        (debian / "source" / "format").write_text("3.0 (native)\n", "utf-8")
        for name in ("control", "rules", "changelog", "copyright"):
            (debian / name).write_text(render(TEMPLATES / f"{name}.j2", facts), "utf-8")
        (debian / "rules").chmod(0o755)
        if package.diversions:
            for name in ("preinst", "postrm"):
                (debian / name).write_text(render(TEMPLATES / f"{name}.j2", facts), "utf-8")
        if package.lintian_overrides:
            text = render(TEMPLATES / "lintian-overrides.j2", facts)
            (debian / f"{package.name}.lintian-overrides").write_text(text, "utf-8")

    def _named_packages(self, package: Package) -> list[str]:
        """What `depends` names: that holds instead of what the libraries of these packages would ask for."""
        base = self.options.base_distribution, self.options.base_suite
        return sorted({relation.name for any_of in on_base(package.depends, *base) for relation in any_of})

    def _debian_relations(self, package: Package, field: str) -> list[str]:
        base = self.options.base_distribution, self.options.base_suite
        return [" | ".join(map(_debian_relation, any_of)) for any_of in on_base(getattr(package, field), *base)]


def _debian_relation(relation: Relation) -> str:
    if relation.operator is None:
        return relation.name
    return f"{relation.name} ({OPERATORS[relation.operator]} {relation.version})"


def _description(text: str) -> str:
    """Paragraphs as the long description of `control`: every line after a space, ` .` between paragraphs."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
    filled = [textwrap.fill(paragraph, DESCRIPTION_WIDTH, break_on_hyphens=False) for paragraph in paragraphs]
    return textwrap.indent("\n.\n".join(filled), " ")
