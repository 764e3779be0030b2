"""Looking into the archive of a root file system, and writing one."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats.root_tar import BadRootArchive, RootTar, TarWriter


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    place = tmp_path / "root.tar"
    with TarWriter(place, 1000) as tar:
        tar.folder("usr/lib")
        tar.file("usr/lib/os-release", b"ID=x\n")
        tar.link("lib", "usr/lib")
        tar.link("etc/os-release", "/lib/os-release")
        tar.link("absolute", "/usr/../lib")
        tar.link("round", "about")
        tar.link("about", "round/x")
        tar.file("etc/shadow", b"", 0o640, (0, 42))
    return place


@pytest.mark.parametrize(
    "path", ["usr/lib/os-release", "/usr/lib/os-release", "./lib/os-release", "absolute/os-release"]
)
def test_a_file_is_read_through_links_among_its_folders(archive: Path, path: str) -> None:
    with RootTar(archive) as root:
        assert root.resolve(path) == "usr/lib/os-release"
        assert root.read(path) == b"ID=x\n"


def test_the_last_link_of_a_path_is_not_followed(archive: Path) -> None:
    with RootTar(archive) as root:
        assert root.resolve("etc/os-release") == "etc/os-release"
        assert root.resolve("lib") == "lib"


def test_what_does_not_exist_keeps_its_name(archive: Path) -> None:
    with RootTar(archive) as root:
        assert root.resolve("lib/modules/x") == "usr/lib/modules/x"
        assert root.lookup("usr/lib/modules") is None


def test_a_circle_of_links_is_an_error(archive: Path) -> None:
    with RootTar(archive) as root, pytest.raises(BadRootArchive, match="circle"):
        root.resolve("round/y")


@pytest.mark.parametrize("path", ["missing", "usr/lib", "etc/os-release"])
def test_only_a_regular_file_has_content(archive: Path, path: str) -> None:
    with RootTar(archive) as root, pytest.raises(BadRootArchive, match=path):
        root.read(path)


def test_owner_and_mode_are_kept(archive: Path) -> None:
    with RootTar(archive) as root:
        shadow = root.lookup("etc/shadow")
    assert shadow is not None
    assert (shadow.mode, shadow.uid, shadow.gid, shadow.mtime) == (0o640, 0, 42, 1000)
