"""Packages and Release as apt reads them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from distrobuild.formats.deb_repository import (
    BadPackage,
    BadRepository,
    BinaryPackage,
    SamePackageTwice,
    Suite,
    packages_index,
    pool_path,
    read_deb,
    read_packages_index,
    read_release,
    release_index,
    repository_indexes,
    without_duplicates,
)

SUITE = Suite(origin="Sample Linux", label="Sample Linux", codename="trixie", architecture="amd64", date=1767225600)


def package(name: str, architecture: str = "all", sha256: str = "00") -> BinaryPackage:
    control = {
        "Package": name,
        "Version": "1:2.0-1",
        "Architecture": architecture,
        "Description": "one\n two\n .\n three",
    }
    return BinaryPackage(control, pool_path(control), 7, sha256 * 32)


def write_deb(path: Path, control: str) -> None:
    """An ar archive of three members (deb(5)), each even in length."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("./control")
        member.size = len(control.encode())
        archive.addfile(member, io.BytesIO(control.encode()))
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w:gz").close()
    members = [("debian-binary", b"2.0\n"), ("control.tar.gz", content.getvalue()), ("data.tar.gz", empty.getvalue())]
    data = b"!<arch>\n"
    for name, body in members:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n"
        data += header.encode() + body + b"\n" * (len(body) % 2)
    path.write_bytes(data)


def test_a_deb_is_read_with_its_control_fields_size_and_digest(tmp_path: Path) -> None:
    file = tmp_path / "any-name.deb"
    write_deb(file, "Package: sample\nVersion: 1:2.0-1\nArchitecture: all\nDescription: one\n two\n")
    read = read_deb(file)
    assert (read.name, read.version, read.architecture) == ("sample", "1:2.0-1", "all")
    assert read.control["Description"] == "one\n two"
    assert read.path == "pool/main/s/sample/sample_2.0-1_all.deb"
    assert read.size == file.stat().st_size
    assert read.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_is_no_deb_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.deb"
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadPackage, match=r"broken\.deb is not a Debian package"):
        read_deb(file)


def test_a_truncated_deb_is_named(tmp_path: Path) -> None:
    file = tmp_path / "short.deb"
    write_deb(file, "Package: sample\nVersion: 1\nArchitecture: all\n")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(BadPackage, match=r"short\.deb"):
        read_deb(file)


def test_a_deb_without_version_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nameless.deb"
    write_deb(file, "Package: sample\nArchitecture: all\n")
    with pytest.raises(BadPackage, match="has no field Version"):
        read_deb(file)


def test_packages_lie_in_the_pool_by_their_source() -> None:
    control = {"Package": "linux-image-6.12", "Version": "6.12.1-1", "Architecture": "amd64"}
    assert pool_path(control | {"Source": "linux (6.12.1)"}).startswith("pool/main/l/linux/linux-image-6.12_")
    assert pool_path(control | {"Package": "libtensor1"}).startswith("pool/main/libt/libtensor1/")


def test_an_index_says_what_it_was_written_from() -> None:
    packages = [package("one"), package("two", "amd64", "ab")]
    assert read_packages_index(packages_index(packages)) == packages


def test_an_index_entry_without_digest_is_refused() -> None:
    index = packages_index([package("one")]).replace(b"SHA256", b"MD5sum")
    with pytest.raises(BadRepository, match="one is incomplete: 'SHA256'"):
        read_packages_index(index)


def test_an_empty_repository_has_an_empty_index() -> None:
    assert packages_index([]) == b""
    assert read_packages_index(b"") == []


def test_release_lists_every_index_with_digest_and_size() -> None:
    content = packages_index([package("one")])
    release = release_index(SUITE, {"main/binary-amd64/Packages": content})
    assert read_release(release) == {
        "main/binary-amd64/Packages": (hashlib.sha256(content).hexdigest(), len(content)),
    }


def test_the_date_of_release_is_the_fixed_clock() -> None:
    assert b"\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n" in release_index(SUITE, {})


def test_a_release_without_strong_digests_is_refused() -> None:
    with pytest.raises(BadRepository, match="no SHA256"):
        read_release(b"Origin: x\nMD5Sum:\n 00 1 main/binary-amd64/Packages\n")


def test_a_release_with_a_malformed_digest_line_is_refused() -> None:
    with pytest.raises(BadRepository, match="`00 big main"):
        read_release(b"SHA256:\n 00 big main/binary-amd64/Packages\n")


def test_only_packages_of_the_architecture_and_of_all_are_indexed() -> None:
    indexes = repository_indexes(SUITE, [package("one"), package("two", "amd64"), package("three", "arm64")])
    assert set(indexes) == {"dists/trixie/Release", "dists/trixie/main/binary-amd64/Packages"}
    names = [each.name for each in read_packages_index(indexes["dists/trixie/main/binary-amd64/Packages"])]
    assert names == ["one", "two"]


def test_one_version_in_two_variants_is_refused() -> None:
    with pytest.raises(SamePackageTwice, match=r"one 1:2\.0-1 \(all\) comes in two variants"):
        without_duplicates([package("one", sha256="00"), package("one", sha256="11")])


def test_the_same_file_twice_stands_in_the_index_once_and_order_does_not_matter() -> None:
    one, two = package("one"), package("two")
    assert without_duplicates([two, one, two]) == without_duplicates([one, two]) == [one, two]
