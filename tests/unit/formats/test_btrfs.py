"""What stands at the top of a btrfs that mkfs.btrfs wrote."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from distrobuild.formats.btrfs import UnreadableBtrfs, top_entries

from .disk_images import BTRFS, write_btrfs

TOPS = {
    "empty": (),
    "platform": ("grub.cfg", "oem-release", "sysext"),
    "mixed": ("grub.cfg", "oem-release", "sysext"),
    "many": tuple(sorted(f"file-{number}" for number in range(1, 61))),
}
"""What each file system has; in `mixed` data and trees share their chunks, `many` has a tree of two levels."""


def file_system(name: str, start: int = 0) -> io.BytesIO:
    disk = io.BytesIO()
    write_btrfs(name, disk, start)
    return disk


@pytest.mark.parametrize("name", TOPS)
def test_the_files_at_the_top_are_listed(name: str) -> None:
    assert top_entries(file_system(name)) == TOPS[name]


def test_a_file_system_may_begin_anywhere_in_the_file() -> None:
    assert top_entries(file_system("platform", 12345), 12345) == TOPS["platform"]


def test_every_file_system_says_how_it_was_made() -> None:
    assert TOPS.keys() == BTRFS.keys()
    assert all("mkfs.btrfs" in each["made by"] for each in BTRFS.values())


@pytest.mark.parametrize("content", [b"", bytes(1 << 20), b"\xff" * (1 << 20)])
def test_what_is_no_btrfs_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableBtrfs):
        top_entries(io.BytesIO(content))


def test_damage_anywhere_gives_names_or_is_refused(tmp_path: Path) -> None:
    """Never another error, and never without an end."""
    chance, whole = random.Random(1), file_system("mixed").getvalue()
    written = [place for place in range(0, len(whole), 64) if any(whole[place : place + 64])]
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in chance.sample(written, 40):
            damaged[place + chance.randrange(64)] = chance.randrange(256)
        try:
            assert isinstance(top_entries(io.BytesIO(damaged)), tuple)
        except UnreadableBtrfs:
            refused += 1
    assert refused


def test_a_file_that_ends_too_early_is_refused() -> None:
    whole = file_system("platform").getvalue()
    with pytest.raises(UnreadableBtrfs):
        top_entries(io.BytesIO(whole[: 30 << 20]))
