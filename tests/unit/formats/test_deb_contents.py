"""What a package says of its files, as the programs that read it see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from distrobuild.formats import deb_contents


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "usr/share/doc").mkdir(parents=True)
    (tmp_path / "usr/share/doc/copyright").write_bytes(b"x" * 1025)
    (tmp_path / "usr/a file").write_bytes(b"y")
    (tmp_path / "usr/empty").touch()
    (tmp_path / "usr/link").symlink_to("share/doc/copyright")
    (tmp_path / "usr/dangling").symlink_to("nowhere")
    return tmp_path


def test_md5sum_finds_every_file_as_it_was_written(tree: Path) -> None:
    listed = deb_contents.md5sums(tree)
    checked = subprocess.run(
        ["md5sum", "--check", "--strict"], cwd=tree, input=listed.encode(), capture_output=True, check=False
    )
    assert checked.stdout.decode().splitlines() == ["usr/a file: OK", "usr/empty: OK", "usr/share/doc/copyright: OK"]
    assert checked.returncode == 0


def test_each_file_counts_by_full_kibibytes_and_links_do_not(tree: Path) -> None:
    assert deb_contents.installed_size_kib(tree) == 1 + 0 + 2
