"""Writes a package of an ebuild repository: ebuild, metadata.xml, Manifest and licence, and archives of sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distrobuild.formats import ebuild
from distrobuild.formats.root_tar import TarWriter
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job

TEMPLATES = Path(__file__).parent / "templates" / "portage_package"
COMMON_LICENCES = "/usr/share/common-licenses"
"""Texts of licences in the tools root; those that Debian does not call common stand among the templates."""
COMPRESS = ("xz", "-3", "--threads=2")
"""A kernel's tree takes a minute or two, not ten. One thread or several shows in the bytes, so it is always two."""
REPOSITORY, DISTFILES = "repository", "distfiles"
"""Folders of a stage's output: part of an ebuild repository, and the files that its Manifests name."""


@dataclass(frozen=True)
class PortagePackage:
    """What stands beside an ebuild: `paragraphs` of a description, a `maintainer` as `Name <mail@host>`.

    `licence` is Gentoo's name of it, `flags` the meaning of each USE flag.
    """

    category: str
    name: str
    version: str
    licence: str
    maintainer: str
    paragraphs: tuple[str, ...]
    flags: Mapping[str, str] = field(default_factory=dict)

    def write(self, job: Job, text: str, distfiles: Iterable[Path]) -> None:
        """Write the package with the ebuild `text` below the job's output."""
        place = job.output / REPOSITORY / self.category / self.name
        place.mkdir(parents=True)
        (place / f"{self.name}-{self.version}.ebuild").write_text(re.sub(r"\n{3,}", "\n\n", text), "utf-8")
        name, _, address = self.maintainer.partition(" <")
        facts = {**vars(self), "maintainer": name, "address": address.removesuffix(">")}
        (place / "metadata.xml").write_text(render(TEMPLATES / "metadata.xml.j2", facts), "utf-8")
        if manifest := ebuild.manifest(distfiles):
            (place / "Manifest").write_text(manifest, "utf-8")
        licences = job.output / REPOSITORY / "licenses"
        licences.mkdir(exist_ok=True)
        (licences / self.licence).write_bytes(_licence(job, self.licence))


def _licence(job: Job, name: str) -> bytes:
    own = TEMPLATES / name
    return own.read_bytes() if own.exists() else job.sandbox.read(["cat", f"{COMMON_LICENCES}/{name}"])


def pack(job: Job, tree: Path) -> Path:
    """The folder `tree` as NAME.tar.xz among the job's distfiles; its bytes depend on nothing but what is in it."""
    archive = job.output / DISTFILES / f"{tree.name}.tar"
    with TarWriter(archive, job.epoch) as tar:
        for path in (tree, *sorted(tree.rglob("*"))):
            name = path.relative_to(tree.parent).as_posix()
            if path.is_symlink():
                tar.link(name, str(path.readlink()))
            elif path.is_dir():
                tar.folder(name)
            else:
                tar.file(name, path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)
    job.sandbox.run([*COMPRESS, f"/out/{DISTFILES}/{archive.name}"])
    return archive.with_name(f"{archive.name}.xz")
