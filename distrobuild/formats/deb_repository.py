"""A Debian package repository as bytes: the indexes `Packages` and `Release`, made and read. No processes.

Format: https://wiki.debian.org/DebianRepository/Format. Only what apt needs is written: one component, one
architecture, SHA256, indexes uncompressed (compressors change their output between releases, and the
repository of one image is small).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from debian.arfile import ArError
from debian.deb822 import Deb822
from debian.debfile import DebError, DebFile

from distrobuild.errors import DistrobuildError

COMPONENT = "main"
ALL = "all"
"""Architecture of packages that fit every processor; they stand in the index of each."""


class BadPackage(DistrobuildError):
    """A file that is not a readable `.deb`."""


class SamePackageTwice(DistrobuildError):
    """Two different files are the same version of the same package, so nobody could tell which apt installs."""


class BadRepository(DistrobuildError):
    """An index that does not say what it must."""


@dataclass(frozen=True)
class BinaryPackage:
    """One `.deb`: its control fields, where it lies below the repository's root, size in bytes, hex digest."""

    control: Mapping[str, str]
    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Name of the package."""
        return self.control["Package"]

    @property
    def version(self) -> str:
        """Debian version, with epoch and revision if it has them."""
        return self.control["Version"]

    @property
    def architecture(self) -> str:
        """`all`, or a Debian architecture."""
        return self.control["Architecture"]


@dataclass(frozen=True)
class Suite:
    """What `Release` says about the repository; `date` in seconds since 1970."""

    origin: str
    label: str
    codename: str
    architecture: str
    date: int


def read_deb(file: Path) -> BinaryPackage:
    """Read a `.deb` and say where in a pool it belongs. Raises `BadPackage`."""
    try:
        with DebFile(str(file)) as deb:
            control = dict(deb.debcontrol())
    except (ArError, DebError, OSError, EOFError) as error:
        raise BadPackage(f"{file} is not a Debian package: {error}") from None
    missing = [field for field in ("Package", "Version", "Architecture") if field not in control]
    if missing:
        raise BadPackage(f"{file} has no field {', '.join(missing)} in its control file")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return BinaryPackage(control, pool_path(control), file.stat().st_size, digest)


def pool_path(control: Mapping[str, str]) -> str:
    """`pool/main/l/linux/linux-image_6.12_amd64.deb`; an epoch (`1:`) is not part of a file's name."""
    source = control.get("Source", control["Package"]).split(" ")[0]
    folder = source[:4] if source.startswith("lib") else source[0]
    version = control["Version"].partition(":")[2] or control["Version"]
    return f"pool/{COMPONENT}/{folder}/{source}/{control['Package']}_{version}_{control['Architecture']}.deb"


def without_duplicates(packages: Iterable[BinaryPackage]) -> list[BinaryPackage]:
    """The packages sorted by path, each once; raises `SamePackageTwice` for equal versions with other bytes."""
    found: dict[str, BinaryPackage] = {}
    for package in packages:
        known = found.setdefault(package.path, package)
        if known.sha256 != package.sha256:
            raise SamePackageTwice(
                f"{package.name} {package.version} ({package.architecture}) comes in two variants:"
                f" sha256 {known.sha256[:16]}... and {package.sha256[:16]}...",
                hint="give one of them another version",
            )
    return [found[path] for path in sorted(found)]


def packages_index(packages: Iterable[BinaryPackage]) -> bytes:
    """The file `Packages` of these packages, in their order."""
    paragraphs = []
    for package in packages:
        paragraph = Deb822(dict(package.control))
        paragraph["Filename"] = package.path
        paragraph["Size"] = str(package.size)
        paragraph["SHA256"] = package.sha256
        paragraphs.append(paragraph.dump())
    return "\n".join(paragraphs).encode()


def read_packages_index(index: bytes) -> list[BinaryPackage]:
    """The packages of a `Packages` file; raises `BadRepository` when one lacks a field."""
    result = []
    for paragraph in Deb822.iter_paragraphs(index, use_apt_pkg=False):
        fields = {name: str(value) for name, value in paragraph.items()}
        try:
            place = fields.pop("Filename"), int(fields.pop("Size")), fields.pop("SHA256")
            fields["Package"], fields["Version"], fields["Architecture"]
        except (KeyError, ValueError) as error:
            raise BadRepository(f"Packages: {fields.get('Package', 'an entry')} is incomplete: {error}") from None
        result.append(BinaryPackage(fields, *place))
    return result


def release_index(suite: Suite, indexes: Mapping[str, bytes]) -> bytes:
    """The file `Release`; `indexes` are its index files by their path below `dists/CODENAME`."""
    digests = "".join(
        f"\n {hashlib.sha256(content).hexdigest()} {len(content)} {path}" for path, content in sorted(indexes.items())
    )
    fields = {
        "Origin": suite.origin,
        "Label": suite.label,
        "Suite": suite.codename,
        "Codename": suite.codename,
        "Date": format_datetime(datetime.fromtimestamp(suite.date, UTC), usegmt=True).replace("GMT", "UTC"),
        "Architectures": suite.architecture,
        "Components": COMPONENT,
        "SHA256": digests,
    }
    return Deb822(fields).dump().encode()


def repository_indexes(suite: Suite, packages: Iterable[BinaryPackage]) -> dict[str, bytes]:
    """Every index file of the repository, unsigned, by its path below the repository's root."""
    fitting = [package for package in packages if package.architecture in (ALL, suite.architecture)]
    index = {f"{COMPONENT}/binary-{suite.architecture}/Packages": packages_index(fitting)}
    folder = f"dists/{suite.codename}"
    release = {f"{folder}/Release": release_index(suite, index)}
    return release | {f"{folder}/{path}": content for path, content in index.items()}


def read_release(release: bytes) -> dict[str, tuple[str, int]]:
    """Digest and size of every index that a `Release` lists, by path; raises `BadRepository` without SHA256."""
    paragraph = Deb822(release.decode())
    if "SHA256" not in paragraph:
        raise BadRepository("Release lists no SHA256 digests")
    result = {}
    for line in str(paragraph["SHA256"]).strip().splitlines():
        match line.split():
            case [digest, size, path] if size.isdigit():
                result[path] = (digest, int(size))
            case _:
                raise BadRepository(f"Release: `{line.strip()}` is not a digest, a size and a path")
    return result
