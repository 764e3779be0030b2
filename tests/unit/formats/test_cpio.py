"""cpio archives: what the real cpio reads and writes, the same bytes every time, nothing the kernel would lose."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from distrobuild.formats import cpio
from distrobuild.formats.cpio import BadArchive, CannotArchive, Entry, Member, read_archive, read_content, write_archive

EPOCH = 1767225600
needs_cpio = pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed")


def archive(*entries: Entry) -> io.BytesIO:
    made = io.BytesIO()
    write_archive(made, entries, EPOCH)
    return made


def members(*entries: Entry) -> dict[str, Member]:
    return {member.path: member for member in read_archive(archive(*entries))}


def sample() -> list[Entry]:
    return [
        cpio.file("usr/bin/init", b"#!/bin/sh\n", 0o755),
        cpio.file("empty", b""),
        cpio.folder("tmp", 0o1777),
        cpio.symbolic_link("init", "usr/bin/init"),
        cpio.hard_link("usr/bin/other", "usr/bin/init"),
        cpio.device("dev/console", "character", 5, 1),
        cpio.device("dev/sda", "block", 8, 0, 0o660),
        cpio.file("ümlaut", b"x" * 5),
    ]


def test_an_archive_says_what_was_put_into_it() -> None:
    made = archive(*sample())
    found = read_archive(made)
    assert [(each.path, oct(each.mode), each.size, each.links, each.device) for each in found] == [
        ("dev", "0o40755", 0, 2, (0, 0)),
        ("dev/console", "0o20600", 0, 1, (5, 1)),
        ("dev/sda", "0o60660", 0, 1, (8, 0)),
        ("empty", "0o100644", 0, 1, (0, 0)),
        ("init", "0o120777", 12, 1, (0, 0)),
        ("tmp", "0o41777", 0, 2, (0, 0)),
        ("usr", "0o40755", 0, 2, (0, 0)),
        ("usr/bin", "0o40755", 0, 2, (0, 0)),
        ("usr/bin/init", "0o100755", 0, 2, (0, 0)),
        ("usr/bin/other", "0o100755", 10, 2, (0, 0)),
        ("ümlaut", "0o100644", 5, 1, (0, 0)),
    ]
    assert {(each.uid, each.gid, each.mtime) for each in found} == {(0, 0, EPOCH)}
    contents = {each.path: read_content(made, each) for each in found}
    assert contents["init"] == b"usr/bin/init"
    assert contents["usr/bin/other"] == b"#!/bin/sh\n"


def test_the_bytes_do_not_depend_on_the_order_of_the_entries() -> None:
    assert archive(*sample()).getvalue() == archive(*reversed(sample())).getvalue()


def test_names_of_one_file_share_its_inode_and_no_others_do() -> None:
    found = members(*sample())
    inodes = [each.inode for each in found.values()]
    assert found["usr/bin/init"].inode == found["usr/bin/other"].inode
    assert sorted(set(inodes)) == list(range(len(inodes) - 1))


def test_a_folder_stands_before_what_is_in_it_even_if_nobody_named_it() -> None:
    paths = list(members(cpio.file("a-b/x", b""), cpio.file("a/b/c", b""), cpio.folder("a", 0o700)))
    assert paths == ["a", "a/b", "a/b/c", "a-b", "a-b/x"]


def test_a_folders_own_mode_counts_over_the_added_one() -> None:
    assert members(cpio.file("a/b", b""), cpio.folder("a", 0o700))["a"].mode == stat.S_IFDIR | 0o700


def test_absolute_and_dotted_paths_are_the_same_as_plain_ones() -> None:
    assert list(members(cpio.file("/./usr//lib/", b"x"))) == ["usr", "usr/lib"]


def test_a_large_file_is_copied_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "usr.squashfs").write_bytes(os.urandom(3 << 20) + b"end")
    made = archive(cpio.file("usr.squashfs", tmp_path / "usr.squashfs"), cpio.folder("etc"))
    (_, squashfs) = read_archive(made)
    assert read_content(made, squashfs) == (tmp_path / "usr.squashfs").read_bytes()
    assert len(made.getvalue()) % 512 == 0


def test_a_folder_of_the_disk_is_archived_with_modes_and_links(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_bytes(b"tool")
    (tmp_path / "bin/tool").chmod(0o4755)
    os.link(tmp_path / "bin/tool", tmp_path / "bin/again")
    (tmp_path / "link").symlink_to("bin/missing")
    found = members(*cpio.entries_of(tmp_path))
    assert list(found) == ["bin", "bin/again", "bin/tool", "link"]
    assert found["bin/tool"].mode == found["bin/again"].mode == stat.S_IFREG | 0o4755
    assert (found["bin/again"].size, found["bin/tool"].size) == (0, 4)
    assert found["link"].size == len("bin/missing")


def test_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(CannotArchive, match="socket"):
            cpio.entries_of(tmp_path)


def test_a_sparse_file_of_4_gib_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(1 << 32)
    with pytest.raises(CannotArchive, match="`large` has 4294967296 bytes"):
        archive(cpio.file("large", tmp_path / "large"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([cpio.file("a", b""), cpio.file("/a", b"")], "`a` is given twice"),
        ([cpio.file("../a", b"")], "no path"),
        ([cpio.file("a/../../b", b"")], "no path"),
        ([cpio.file("/", b"")], "no path"),
        ([cpio.file("a\0b", b"")], "no path"),
        ([cpio.file("TRAILER!!!", b"")], "no path"),
        ([cpio.file("x/" * 2047 + "yy", b"")], "longer than 4095"),
        ([cpio.symbolic_link("a", "x" * 4096)], "target of the link `a`"),
        ([cpio.file("a", b""), cpio.file("a/b/c", b"")], "`a/b/c` lies below `a`, which is no folder"),
        ([cpio.symbolic_link("lib", "usr/lib"), cpio.file("lib/x", b"")], "`lib/x` lies below `lib`"),
        ([cpio.hard_link("a", "b")], "`a` is a hard link to `b`, which is no regular file"),
        ([cpio.folder("d"), cpio.hard_link("a", "d")], "no regular file"),
        ([cpio.file("f", b""), cpio.hard_link("a", "f"), cpio.hard_link("b", "a")], "no regular file"),
    ],
)
def test_what_the_kernel_would_lose_is_refused(entries: list[Entry], message: str) -> None:
    with pytest.raises(CannotArchive, match=message):
        archive(*entries)


def test_a_time_outside_32_bits_is_refused() -> None:
    with pytest.raises(CannotArchive, match="32 bits"):
        write_archive(io.BytesIO(), [], 1 << 32)


def test_archives_one_behind_the_other_are_read_as_one() -> None:
    joined = io.BytesIO(
        archive(cpio.file("a", b"1")).getvalue() + archive(cpio.file("oem/config.ign", b"{}")).getvalue()
    )
    found = read_archive(joined)
    assert [each.path for each in found] == ["a", "oem", "oem/config.ign"]
    assert read_content(joined, found[2]) == b"{}"


def test_what_is_read_out_of_an_archive_makes_the_same_archive() -> None:
    made = archive(*sample())
    assert archive(*cpio.entries_in(made)).getvalue() == made.getvalue()


@needs_cpio
def test_what_cpio_wrote_can_be_written_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/busybox").write_bytes(b"all of them")
    (root / "usr/bin/busybox").chmod(0o755)
    (root / "usr/bin/sh").hardlink_to(root / "usr/bin/busybox")
    (root / "bin").symlink_to("usr/bin")
    names = b".\n./bin\n./usr\n./usr/bin\n./usr/bin/sh\n./usr/bin/busybox\n"
    command = ["cpio", "--quiet", "--create", "--format=newc"]
    written = subprocess.run(command, input=names, cwd=root, check=True, capture_output=True).stdout
    entries = cpio.entries_in(io.BytesIO(written))
    assert [entry.path for entry in entries] == ["bin", "usr", "usr/bin", "usr/bin/sh", "usr/bin/busybox"]
    again = {member.path: member for member in read_archive(archive(*entries))}
    assert again["usr/bin/sh"].inode == again["usr/bin/busybox"].inode
    assert again["usr/bin/sh"].size + again["usr/bin/busybox"].size == len("all of them")
    assert oct(again["usr/bin/sh"].mode) == "0o100755"


def test_an_empty_archive_has_no_members() -> None:
    assert read_archive(archive()) == []


@pytest.mark.parametrize("length", [0, 1, 50, 113, 130, 236, 240])
def test_an_archive_that_was_cut_off_is_refused_at_every_place(length: int) -> None:
    whole = archive(cpio.file("some-file", b"content")).getvalue()
    with pytest.raises(BadArchive):
        read_archive(io.BytesIO(whole[:length]))


def test_a_cut_through_a_files_content_names_the_member() -> None:
    whole = archive(cpio.file("some-file", b"content")).getvalue()
    with pytest.raises(BadArchive, match="the member at byte 0 goes on behind the archive's end"):
        read_archive(io.BytesIO(whole[:123]))


@pytest.mark.parametrize(
    "content", [b"070707" + b"0" * 200, b"070701" + b"x" * 104, b"\x1f\x8b" + bytes(200), b"\0" * 1024]
)
def test_another_format_is_refused_with_the_known_one(content: bytes) -> None:
    with pytest.raises(BadArchive, match=r"(?s)at byte 0.*newc"):
        read_archive(io.BytesIO(content))


def test_rubbish_behind_an_archive_is_refused() -> None:
    with pytest.raises(BadArchive, match="no header of a cpio archive at byte 512"):
        read_archive(io.BytesIO(archive(cpio.file("a", b"1")).getvalue()[:512] + b"rubbish"))


@needs_cpio
def test_cpio_lists_what_was_written(tmp_path: Path) -> None:
    command = ["cpio", "--list", "--verbose", "--numeric-uid-gid", "--quiet"]
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    listing = subprocess.run(
        command, input=archive(*sample()).getvalue(), check=True, capture_output=True, env=environment
    ).stdout.decode()
    lines = [line.split(maxsplit=8) for line in listing.splitlines()]
    assert [(line[0], line[1], line[-1]) for line in lines if line[0].startswith(("d", "-", "l"))] == [
        ("drwxr-xr-x", "2", "dev"),
        ("-rw-r--r--", "1", "empty"),
        ("lrwxrwxrwx", "1", "init -> usr/bin/init"),
        ("drwxrwxrwt", "2", "tmp"),
        ("drwxr-xr-x", "2", "usr"),
        ("drwxr-xr-x", "2", "usr/bin"),
        ("-rwxr-xr-x", "2", "usr/bin/init"),
        ("-rwxr-xr-x", "2", "usr/bin/other"),
        ("-rw-r--r--", "1", "ümlaut"),
    ]
    assert "crw-------   1 0        0          5,   1 " in listing
    assert "brw-rw----   1 0        0          8,   0 " in listing


@needs_cpio
def test_cpio_unpacks_what_was_written(tmp_path: Path) -> None:
    entries = [each for each in sample() if not each.path.startswith("dev/")]
    command = ["cpio", "--extract", "--make-directories", "--preserve-modification-time", "--quiet"]
    subprocess.run(command, input=archive(*entries).getvalue(), check=True, cwd=tmp_path)
    assert (tmp_path / "init").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "usr/bin/other").stat().st_nlink == 2
    assert (tmp_path / "usr/bin/init").stat().st_mtime == EPOCH
    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o1777


@needs_cpio
def test_an_archive_is_byte_for_byte_what_cpio_writes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "usr.squashfs").write_bytes(b"hsqs" * 300)
    (tree / "link").symlink_to("usr.squashfs")
    for path in [*tree.rglob("*"), tree]:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    command = ["cpio", "--create", "--format=newc", "--reproducible", "--owner=0:0", "--quiet"]
    theirs = subprocess.run(command, input=b"etc\nlink\nusr.squashfs\n", check=True, cwd=tree, capture_output=True)
    assert archive(*cpio.entries_of(tree)).getvalue() == theirs.stdout
