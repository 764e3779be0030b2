"""The list of what is installed in an image, `packages.json`: every package with the digest of its file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from debian.deb822 import Deb822

from distrobuild.errors import DistrobuildError
from distrobuild.formats.deb_repository import BinaryPackage


class UnknownOrigin(DistrobuildError):
    """dpkg knows a package that is none of those that were given to it."""


class InstalledPackage(NamedTuple):
    """One package as dpkg knows it; `sha256` is the hexadecimal digest of the `.deb` that it came from."""

    name: str
    version: str
    architecture: str
    sha256: str
    installed_kib: int
    """What its files take, by its own account (`Installed-Size`), rounded up to KiB."""


def installed_packages(status: bytes, origins: Iterable[BinaryPackage | InstalledPackage]) -> list[InstalledPackage]:
    """Every package that is installed by dpkg's `status` file, sorted by name; not one of which only settings are left.

    Raises `UnknownOrigin` for a package that is not among `origins`.
    """
    digests = {(origin.name, origin.version, origin.architecture): origin.sha256 for origin in origins}
    found = []
    for paragraph in Deb822.iter_paragraphs(status, use_apt_pkg=False):
        if not str(paragraph["Status"]).endswith(" installed"):  # `deinstall ok config-files`: dpkg(1), package states
            continue
        key = str(paragraph["Package"]), str(paragraph["Version"]), str(paragraph["Architecture"])
        if key not in digests:
            raise UnknownOrigin(f"{' '.join(key)} is installed, but nobody gave a file with it")
        found.append(InstalledPackage(*key, digests[key], int(paragraph.get("Installed-Size", 0))))
    return sorted(found, key=lambda package: (package.name, package.architecture))


def write_package_list(path: Path, packages: Iterable[InstalledPackage]) -> None:
    """Write the list as JSON, an object for each package."""
    path.write_text(json.dumps([package._asdict() for package in packages], indent=1) + "\n", "utf-8")


def read_package_list(path: Path) -> list[InstalledPackage]:
    """The list that `write_package_list` wrote."""
    return [InstalledPackage(**package) for package in json.loads(path.read_text("utf-8"))]
