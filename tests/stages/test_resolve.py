"""The lock is resolved by the host's real apt against real, signed archives in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.manifest.lock import Request, Section
from distrobuild.plan.archive import (
    ArchiveUnreachable,
    NoSnapshots,
    UnknownPackage,
    UnsatisfiableRequest,
    UntrustedArchive,
)
from distrobuild.plan.resolve import Resolver
from tests.stages.local_archive import SigningKey, make_deb, write_archive


class Archive:
    """An Ubuntu-shaped archive that a test can change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "archive"
        self.key = SigningKey.make(folder, "archive-key")
        base = [make_deb(folder, name, "1.0", Essential="yes") for name in ("base-files", "apt")]
        tool = make_deb(folder, "tool", "1.0", depends="library (>= 1)")
        self.old = make_deb(folder, "library", "1.0")
        self.new = make_deb(folder, "library", "1.1")
        broken = make_deb(folder, "broken", "1.0", depends="nowhere")
        firmware = make_deb(folder, "firmware", "1.0")
        self.suites = {
            "noble": {"main": [*base, self.old], "universe": [tool, broken], "restricted": [firmware]},
            "noble-updates": {"main": [], "universe": [], "restricted": []},
            "noble-security": {"main": [], "universe": [], "restricted": []},
        }
        self.write()

    def write(self, **fields: str) -> None:
        write_archive(self.folder, self.suites, self.key, origin="Ubuntu", **fields)

    def resolve(
        self,
        *packages: str,
        keep: dict[str, str] | None = None,
        snapshot: str | None = None,
        components: tuple[str, ...] = (),
    ) -> Section:
        request = Request(
            distribution="ubuntu",
            suite="noble",
            snapshot=snapshot,
            mirror=f"file://{self.folder}",
            install=packages,
            components=components,
        )
        with Resolver("amd64") as resolver:
            return resolver.resolve(request, str(self.key.keyring), keep)

    def versions(self, *packages: str, keep: dict[str, str] | None = None) -> dict[str, str]:
        return {package.package: package.version for package in self.resolve(*packages, keep=keep).packages}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_request_resolves_to_essential_packages_and_all_dependencies(archive: Archive) -> None:
    assert archive.versions("tool") == {"apt": "1.0", "base-files": "1.0", "library": "1.0", "tool": "1.0"}


def test_every_locked_file_has_size_digest_and_place(archive: Archive) -> None:
    found = {package.package: package for package in archive.resolve("tool").packages}["library"]
    assert found.size == archive.old.stat().st_size
    assert len(found.sha256) == 64
    assert found.url.endswith("/pool/main/library_1.0_amd64.deb")


def test_a_newer_version_of_the_updates_suite_wins(archive: Archive) -> None:
    archive.suites["noble-security"]["main"] = [archive.new]
    archive.write()
    assert archive.versions("tool")["library"] == "1.1"


def test_a_kept_version_stays_while_the_archive_has_it(archive: Archive) -> None:
    archive.suites["noble-updates"]["main"] = [archive.new]
    archive.write()
    assert archive.versions("tool", keep={"library": "1.0"})["library"] == "1.0"


def test_a_component_is_on_where_it_is_asked_for_and_nowhere_else(archive: Archive) -> None:
    section = archive.resolve("firmware", components=("restricted",))
    assert "firmware" in {package.package for package in section.packages}
    assert section.repositories[0].components == ("main", "universe", "restricted")
    with pytest.raises(UnknownPackage, match="`firmware` does not exist"):
        archive.resolve("firmware")


def test_a_snapshot_is_read_where_the_archive_says_though_it_has_expired(archive: Archive) -> None:
    live = archive.folder
    archive.folder = live.with_name("snapshots") / "20260101T000000Z"
    archive.write(Valid_Until="Thu, 08 Jan 2026 00:00:00 UTC")
    archive.folder = live
    archive.suites["noble-updates"]["main"] = [archive.new]
    archive.write(Snapshots=f"file://{live.with_name('snapshots')}/@SNAPSHOTID@/")
    section = archive.resolve("tool", snapshot="20260101T000000Z")
    (library,) = [package for package in section.packages if package.package == "library"]
    assert (library.version, archive.versions("tool")["library"]) == ("1.0", "1.1")
    assert "/snapshots/20260101T000000Z/pool/" in library.url
    assert section.repositories[0].mirror == f"file://{live}"  # where a running image looks for updates


def test_an_archive_that_has_expired_is_not_used(archive: Archive) -> None:
    archive.write(Valid_Until="Thu, 08 Jan 2026 00:00:00 UTC")
    with pytest.raises((UntrustedArchive, ArchiveUnreachable), match="expired"):
        archive.resolve("tool")


def test_a_timestamp_asked_of_an_archive_without_snapshots_is_refused(archive: Archive) -> None:
    with pytest.raises(NoSnapshots, match="names no snapshot archive"):
        archive.resolve("tool", snapshot="20260101T000000Z")


def test_an_unknown_package_is_named_with_the_nearest_one(archive: Archive) -> None:
    with pytest.raises(UnknownPackage, match="`librari` does not exist in Ubuntu noble") as error:
        archive.resolve("librari")
    assert error.value.hint == "did you mean `library`?"


def test_packages_that_cannot_be_installed_say_why(archive: Archive) -> None:
    with pytest.raises(UnsatisfiableRequest, match="nowhere"):
        archive.resolve("broken")


def test_an_archive_signed_by_another_key_is_never_used(archive: Archive, tmp_path: Path) -> None:
    other = SigningKey.make(tmp_path, "other-key")
    for release in archive.folder.glob("dists/*/Release"):
        other.sign(release)
    with pytest.raises(UntrustedArchive, match=r"signature of Ubuntu noble .* cannot be trusted"):
        archive.resolve("tool")


def test_an_archive_without_signature_is_never_used(archive: Archive) -> None:
    for release in archive.folder.glob("dists/*/InRelease"):
        release.unlink()
    with pytest.raises(UntrustedArchive):
        archive.resolve("tool")


def test_an_index_changed_behind_the_signature_is_never_used(archive: Archive) -> None:
    index = archive.folder / "dists/noble/main/binary-amd64/Packages"
    index.write_bytes(index.read_bytes().replace(b"Version: 1.0", b"Version: 6.6"))
    with pytest.raises((UntrustedArchive, ArchiveUnreachable)):
        archive.resolve("tool")


def test_an_archive_that_does_not_answer_is_named_with_the_base_that_would_work(archive: Archive) -> None:
    request = Request(
        distribution="ubuntu", suite="noble", snapshot=None, mirror="http://127.0.0.1:9/ubuntu", install=("tool",)
    )
    with Resolver("amd64") as resolver, pytest.raises(ArchiveUnreachable, match=r"127\.0\.0\.1:9") as error:
        resolver.resolve(request, str(archive.key.keyring))
    assert "--base host" in str(error.value.hint)
