"""A layer turns one root file system into another."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from distrobuild.formats.root_layer import write_layer
from distrobuild.formats.root_tar import RootTar, TarWriter

EPOCH = 1000


@pytest.fixture
def before(tmp_path: Path) -> Path:
    place = tmp_path / "before.tar"
    with TarWriter(place, EPOCH) as tar:
        tar.folder(".")
        tar.folder("etc", 0o755)
        tar.folder("var/mail", 0o2775, (0, 8))
        tar.file("etc/same", b"same")
        tar.file("etc/written", b"same")
        tar.file("etc/changed", b"one")
        tar.file("etc/mode", b"x", 0o644)
        tar.file("var/mail/gone", b"x")
        tar.folder("usr/old")
        tar.file("usr/old/file", b"x")
        tar.link("link", "a")
        tar.file("dev/null", b"")
    return place


@pytest.fixture
def after(tmp_path: Path) -> Path:
    place = tmp_path / "after.tar"
    with TarWriter(place, EPOCH) as tar:
        tar.folder(".")
        tar.folder("etc", 0o755)
        tar.folder("var/mail", 0o2775, (0, 8))
        tar.file("etc/same", b"same")
        tar.file("etc/mode", b"x", 0o600)
        tar.link("link", "b")
        tar.file("run/pid", b"1")
    with TarWriter(tmp_path / "later.tar", EPOCH + 50) as tar:
        tar.file("etc/written", b"same")
        tar.file("etc/changed", b"two")
        tar.file("etc/new", b"n", 0o640, (0, 42))
    return place


def layer(before: Path, after: Path) -> dict[str, tarfile.TarInfo]:
    place = after.with_name("layer.tar")
    with RootTar(before) as old, RootTar(after, after.with_name("later.tar")) as new:
        write_layer(old, new, place, EPOCH)
    with tarfile.open(place) as archive:
        return {member.name.removeprefix("./"): member for member in archive}


def test_what_did_not_change_is_not_in_the_layer(before: Path, after: Path) -> None:
    found = layer(before, after)
    assert "etc/same" not in found
    assert "etc/written" not in found, "written again with the same content"
    assert "run/pid" not in found


def test_what_changed_in_content_mode_or_target_is_in_the_layer(before: Path, after: Path) -> None:
    found = layer(before, after)
    assert {"etc/changed", "etc/mode", "etc/new", "link"} <= set(found)
    assert found["link"].linkname == "b"
    assert (found["etc/new"].mode, found["etc/new"].gid) == (0o640, 42)
    assert max(member.mtime for member in found.values()) == EPOCH


def test_what_is_gone_becomes_one_whiteout(before: Path, after: Path) -> None:
    found = layer(before, after)
    hidden = {name for name, member in found.items() if member.ischr() and member.devmajor == member.devminor == 0}
    assert hidden == {"var/mail/gone", "usr/old"}


def test_folders_above_a_change_keep_their_owner_and_mode(before: Path, after: Path) -> None:
    mail = layer(before, after)["var/mail"]
    assert (mail.mode, mail.gid) == (0o2775, 8)


def test_both_together_are_the_second_root(before: Path, after: Path) -> None:
    layer(before, after)
    with RootTar(before, after.with_name("layer.tar")) as both, RootTar(after, after.with_name("later.tar")) as new:
        compared = {path for path in new if not path.startswith(("run/", "dev/"))}
        assert {path for path in both if not path.startswith("dev/")} == compared
        assert both.read("etc/changed") == b"two"


def test_extended_attributes_count_and_are_kept(tmp_path: Path) -> None:
    """`ping` may open raw sockets by a capability, an extended attribute."""
    for name, headers in (("before", {}), ("after", {"SCHILY.xattr.security.capability": "x"})):
        with tarfile.open(tmp_path / f"{name}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            member = tarfile.TarInfo("./ping")
            member.pax_headers = headers
            tar.addfile(member)
    with RootTar(tmp_path / "before.tar") as old, RootTar(tmp_path / "after.tar") as new:
        write_layer(old, new, tmp_path / "layer.tar", EPOCH)
    with tarfile.open(tmp_path / "layer.tar") as made:
        assert made.getmember("./ping").pax_headers["SCHILY.xattr.security.capability"] == "x"


def test_a_changed_hard_link_is_a_file_of_its_own(tmp_path: Path) -> None:
    for name, content in (("before", b"one"), ("after", b"other")):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            (tmp_path / "file").write_bytes(content)
            tar.add(tmp_path / "file", "./perl")
            link = tarfile.TarInfo("./perl5")
            link.type, link.linkname = tarfile.LNKTYPE, "./perl"
            tar.addfile(link)
    with RootTar(tmp_path / "before.tar") as old, RootTar(tmp_path / "after.tar") as new:
        write_layer(old, new, tmp_path / "layer.tar", EPOCH)
    with RootTar(tmp_path / "layer.tar") as made:
        assert made.read("perl") == made.read("perl5") == b"other"
