"""The package list of an image: what dpkg calls installed, with the digest of each file."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats.package_list import (
    InstalledPackage,
    UnknownOrigin,
    installed_packages,
    read_package_list,
    write_package_list,
)

BASH = InstalledPackage("bash", "5.2-1", "amd64", "b" * 64, 7000)
ZLIB = InstalledPackage("zlib", "1.3-1", "all", "c" * 64, 160)


def paragraph(package: InstalledPackage, status: str = "install ok installed") -> bytes:
    fields = ("Package", package.name), ("Status", status), ("Version", package.version)
    fields = (*fields, ("Architecture", package.architecture), ("Installed-Size", str(package.installed_kib)))
    text = "".join(f"{name}: {value}\n" for name, value in fields)
    return f"{text}\n".encode()


def test_packages_are_sorted_and_have_their_digests() -> None:
    assert installed_packages(paragraph(ZLIB) + paragraph(BASH), [ZLIB, BASH]) == [BASH, ZLIB]


def test_a_removed_package_whose_settings_are_left_is_not_installed() -> None:
    status = paragraph(BASH) + paragraph(ZLIB, "deinstall ok config-files")
    assert installed_packages(status, [BASH, ZLIB]) == [BASH]


def test_a_package_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(UnknownOrigin, match=r"bash 5\.3-1 amd64"):
        installed_packages(paragraph(BASH._replace(version="5.3-1")), [BASH])


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_package_list(tmp_path / "packages.json", [BASH, ZLIB])
    assert read_package_list(tmp_path / "packages.json") == [BASH, ZLIB]
