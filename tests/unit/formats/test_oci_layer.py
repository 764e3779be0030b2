"""Layers of a container image: what is gone has a whiteout, and a file with two names is there once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from distrobuild.formats.oci_layer import write_first_layer, write_next_layer
from distrobuild.formats.root_tar import RootTar, TarWriter

EPOCH = 1000


def add_name(place: Path, path: str, target: str) -> None:
    """Append to an archive what `tar` writes for a further name of a file."""
    link = tarfile.TarInfo(f"./{path}")
    link.type, link.linkname = tarfile.LNKTYPE, f"./{target}"
    with tarfile.open(place, "a") as tar:
        tar.addfile(link)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    place = tmp_path / "base.tar"
    with TarWriter(place, EPOCH) as tar:
        tar.folder(".")
        tar.folder("dev")
        tar.file("dev/null", b"")
        tar.folder("usr/bin")
        tar.file("usr/bin/perl", b"program" * 100, 0o755)
        tar.file("usr/bin/gone", b"x")
        tar.folder("usr/old")
        tar.file("usr/old/file", b"x")
    add_name(place, "usr/bin/perl5", "usr/bin/perl")
    return place


def members(place: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(place) as archive:
        return {member.name.removeprefix("./"): member for member in archive}


def test_the_first_layer_has_all_but_what_a_runtime_fills(base: Path, tmp_path: Path) -> None:
    with RootTar(base) as root:
        write_first_layer(root, tmp_path / "layer.tar", EPOCH)
    found = members(tmp_path / "layer.tar")
    assert "dev" in found
    assert "dev/null" not in found
    assert "usr/old/file" in found


def test_a_file_with_two_names_is_there_once(base: Path, tmp_path: Path) -> None:
    with RootTar(base) as root:
        write_first_layer(root, tmp_path / "layer.tar", EPOCH)
    found = members(tmp_path / "layer.tar")
    assert found["usr/bin/perl"].isreg()
    assert (found["usr/bin/perl5"].islnk(), found["usr/bin/perl5"].linkname) == (True, "./usr/bin/perl")
    (tmp_path / "root").mkdir()
    with tarfile.open(tmp_path / "layer.tar") as archive:
        archive.extractall(tmp_path / "root", filter="tar")
    assert (tmp_path / "root/usr/bin/perl5").read_bytes() == b"program" * 100
    assert (tmp_path / "root/usr/bin/perl5").stat().st_mode & 0o777 == 0o755


def test_a_name_that_sorts_before_its_file_is_no_dangling_link(tmp_path: Path) -> None:
    with TarWriter(tmp_path / "base.tar", EPOCH) as tar:
        tar.file("z", b"content")
    add_name(tmp_path / "base.tar", "a", "z")
    with RootTar(tmp_path / "base.tar") as root:
        write_first_layer(root, tmp_path / "layer.tar", EPOCH)
    with tarfile.open(tmp_path / "layer.tar") as archive:
        archive.extractall(tmp_path / "root", filter="tar")
    assert (tmp_path / "root/a").read_bytes() == (tmp_path / "root/z").read_bytes() == b"content"


def test_the_next_layer_has_what_is_new_and_hides_what_is_gone(base: Path, tmp_path: Path) -> None:
    with TarWriter(tmp_path / "after.tar", EPOCH) as tar:
        tar.folder(".")
        tar.folder("dev")
        tar.folder("usr/bin")
        tar.file("usr/bin/perl", b"program" * 100, 0o755)
        tar.file("usr/bin/python", b"snake", 0o755)
    add_name(tmp_path / "after.tar", "usr/bin/perl5", "usr/bin/perl")
    with RootTar(base) as before, RootTar(tmp_path / "after.tar") as after:
        write_next_layer(before, after, tmp_path / "layer.tar", EPOCH)
    found = members(tmp_path / "layer.tar")
    assert {name for name, member in found.items() if member.isreg()} == {
        "usr/bin/python",
        "usr/bin/.wh.gone",
        "usr/.wh.old",
    }
    assert found["usr/.wh.old"].size == 0
