"""cpio archives in the format `newc`, which the kernel unpacks as its initial root file system.

Format: cpio(5) and the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. An archive's bytes depend
on nothing but its entries: they are sorted, owned by root, numbered and of one time. `cpio --reproducible` given the
same names in the same order writes the same bytes.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from distrobuild.errors import DistrobuildError

MAGIC = b"070701"
HEADER_SIZE = 110
"""The magic and 13 fields of 8 hexadecimal digits."""
TRAILER = "TRAILER!!!"
"""Name of the entry that ends an archive."""
ALIGNMENT = 4
RECORD = 512
"""GNU cpio fills an archive up to a multiple of this."""
MAX_FIELD = 0xFFFFFFFF
MAX_PATH = 4095
"""Longer names and link targets are left out by the kernel, without a word."""
COPY_SIZE = 1 << 20


class CannotArchive(DistrobuildError):
    """Entries that the format, or the kernel that unpacks it, cannot take."""


class BadArchive(DistrobuildError):
    """A file that is not a whole cpio archive of this format."""


@dataclass(frozen=True)
class Entry:
    """Something to be archived. `mode` has type and permissions, as stat(2) gives them; the functions below make it."""

    path: str
    mode: int
    content: bytes | Path = b""
    """Of a regular file, or of a symbolic link its target. A file on the disk is copied in pieces."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number."""
    same_as: str | None = None
    """Path of another regular file: this is one more name (hard link) for it."""


@dataclass(frozen=True)
class Member:
    """Something found in an archive. `size` and `offset` of its content in bytes, `mtime` in seconds since 1970."""

    path: str
    mode: int
    uid: int
    gid: int
    mtime: int
    inode: int
    links: int
    device: tuple[int, int]
    size: int
    offset: int


def folder(path: str, mode: int = 0o755) -> Entry:
    """A folder; those above an entry need not be named, they are added."""
    return Entry(path, stat.S_IFDIR | mode)


def file(path: str, content: bytes | Path, mode: int = 0o644) -> Entry:
    """A regular file: its bytes, or where it lies on the disk."""
    return Entry(path, stat.S_IFREG | mode, content)


def symbolic_link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode("utf-8", "surrogateescape"))


def hard_link(path: str, to: str) -> Entry:
    """One more name for the regular file `to`, which must be in the archive; its mode counts."""
    return Entry(path, stat.S_IFREG, same_as=to)


def device(path: str, kind: Literal["block", "character"], major: int, minor: int, mode: int = 0o600) -> Entry:
    """A device node; nothing is made on this machine, so no rights are needed."""
    return Entry(path, (stat.S_IFBLK if kind == "block" else stat.S_IFCHR) | mode, device=(major, minor))


def entries_of(root: Path) -> list[Entry]:
    """Everything below a folder, itself left out, with modes and hard links. Raises `CannotArchive` for a socket."""
    entries: list[Entry] = []
    names: dict[tuple[int, int], str] = {}
    for path in sorted(root.rglob("*")):
        name, status = path.relative_to(root).as_posix(), path.lstat()
        if stat.S_ISSOCK(status.st_mode):
            raise CannotArchive(f"{path} is a socket, which means nothing in an archive", hint="remove it")
        entry = Entry(name, status.st_mode)
        if stat.S_ISREG(status.st_mode):
            first = names.setdefault((status.st_dev, status.st_ino), name)
            entry = file(name, path, stat.S_IMODE(status.st_mode)) if first == name else hard_link(name, first)
        elif stat.S_ISLNK(status.st_mode):
            entry = symbolic_link(name, str(path.readlink()))
        elif stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
            entry = replace(entry, device=(os.major(status.st_rdev), os.minor(status.st_rdev)))
        entries.append(entry)
    return entries


def entries_in(archive: BinaryIO) -> list[Entry]:
    """Everything in an archive, to be written again: with modes and hard links, owned by root. Raises `BadArchive`."""
    members = read_archive(archive)
    # Every name of a file has a member; the content stands with the last one.
    with_content = {member.inode: member for member in members if stat.S_ISREG(member.mode)}
    first: dict[int, str] = {}
    entries: list[Entry] = []
    for member in members:
        if not (path := "/".join(_parts(member.path))):
            continue  # the top folder, which some programs write as `.`
        entry = Entry(path, member.mode, device=member.device)
        if stat.S_ISREG(member.mode):
            name = first.setdefault(member.inode, path) if member.links > 1 else path
            holder = with_content[member.inode] if member.links > 1 else member
            entry = hard_link(path, name)
            if name == path:
                entry = file(path, read_content(archive, holder), stat.S_IMODE(member.mode))
        elif stat.S_ISLNK(member.mode):
            entry = replace(entry, content=read_content(archive, member))
        entries.append(entry)
    return entries


def write_archive(archive: BinaryIO, entries: Iterable[Entry], epoch: int) -> None:
    """Write an archive; `epoch` is the time of every member, in seconds since 1970.

    Raises `CannotArchive` for a path that is given twice, leads out of the archive, is too long or lies below something
    that is no folder, for a hard link to nothing, and for a file of 4 GiB or more.
    """
    if not 0 <= epoch <= MAX_FIELD:
        raise CannotArchive(f"the time {epoch} does not fit into an archive's 32 bits")
    tree = _tree(entries)
    names = _names_of_files(tree)
    inodes = {path: number for number, path in enumerate(names)}
    position = 0
    for path, entry in tree.items():
        inode = entry.same_as or path
        source = tree[inode]
        # Every name of a file has a member; the content stands with the last one.
        content = source.content if path == names[inode][-1] else b""
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        if size > MAX_FIELD:
            raise CannotArchive(f"`{path}` has {size} bytes; a file in an archive has less than 4 GiB")
        links = 2 if stat.S_ISDIR(entry.mode) else len(names[inode])
        position += _write_header(archive, path, source, inodes[inode], links, epoch, size)
        position += _write_content(archive, path, content, size)
    position += _write_header(archive, TRAILER, Entry(TRAILER, 0), 0, 1, 0, 0)
    archive.write(bytes(-position % RECORD))


def read_archive(archive: BinaryIO) -> list[Member]:
    """The members of an archive that can be sought, in its order.

    Several archives one behind the other are one, as for the kernel. Raises `BadArchive`.
    """
    members: list[Member] = []
    at, end = 0, archive.seek(0, io.SEEK_END)
    while True:
        member, at = _read_member(archive, at, end)
        if member.path == TRAILER:
            at = _behind_zeros(archive, at)
            if at == end:
                return members
        else:
            members.append(member)


def read_content(archive: BinaryIO, member: Member) -> bytes:
    """What stands in the archive with a member: a file's content, a symbolic link's target.

    Of a file with several names only the last member has it.
    """
    archive.seek(member.offset)
    return archive.read(member.size)


def _tree(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The entries by normalised path, every folder before what is in it; folders that were not named are added."""
    tree: dict[str, Entry] = {}
    for entry in entries:
        path = _normal(entry.path)
        if path in tree:
            raise CannotArchive(f"`{path}` is given twice")
        link = None if entry.same_as is None else _normal(entry.same_as)
        if isinstance(entry.content, bytes) and stat.S_ISLNK(entry.mode) and len(entry.content) > MAX_PATH:
            raise CannotArchive(f"the target of the link `{path}` is longer than {MAX_PATH} bytes")
        tree[path] = replace(entry, path=path, same_as=link)
    for path in list(tree):
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if not stat.S_ISDIR(tree.setdefault(parent, folder(parent)).mode):
                raise CannotArchive(f"`{path}` lies below `{parent}`, which is no folder")
    return {path: tree[path] for path in sorted(tree, key=lambda path: path.split("/"))}


def _names_of_files(tree: Mapping[str, Entry]) -> dict[str, list[str]]:
    """The names of each file, by the name that is no hard link; in the order of the tree."""
    names: dict[str, list[str]] = {path: [] for path, entry in tree.items() if entry.same_as is None}
    for path, entry in tree.items():
        origin = entry.same_as or path
        if origin not in names or (entry.same_as and not stat.S_ISREG(tree[origin].mode)):
            raise CannotArchive(f"`{path}` is a hard link to `{origin}`, which is no regular file of the archive")
        names[origin].append(path)
    return names


def _normal(path: str) -> str:
    parts = _parts(path)
    if not parts or ".." in parts or "\0" in path or parts == [TRAILER]:
        raise CannotArchive(f"`{path!r}` is no path in an archive")
    name = "/".join(parts)
    if len(_bytes(name)) > MAX_PATH:
        raise CannotArchive(f"`{name[:60]}...` is longer than {MAX_PATH} bytes")
    return name


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _write_header(archive: BinaryIO, path: str, entry: Entry, inode: int, links: int, epoch: int, size: int) -> int:
    """Write header and name, return how many bytes they take."""
    name = _bytes(path) + b"\0"
    fields = [inode, entry.mode, 0, 0, links, epoch, size, 0, 0, *entry.device, len(name), 0]
    head = MAGIC + "".join(f"{field:08X}" for field in fields).encode() + name
    return archive.write(head + bytes(-len(head) % ALIGNMENT))


def _write_content(archive: BinaryIO, path: str, content: bytes | Path, size: int) -> int:
    """Write a member's content, return how many bytes it takes with its filling."""
    if isinstance(content, Path):
        with content.open("rb") as source:
            written = sum(archive.write(piece) for piece in iter(lambda: source.read(COPY_SIZE), b""))
        if written != size:
            raise CannotArchive(f"`{path}` changed from {size} to {written} bytes while it was read: {content}")
    else:
        archive.write(content)
    return size + archive.write(bytes(-size % ALIGNMENT))


def _read_member(archive: BinaryIO, at: int, end: int) -> tuple[Member, int]:
    """The member whose header is at byte `at`, and where the next one is."""
    archive.seek(at)
    head = archive.read(HEADER_SIZE)
    if not head:
        raise BadArchive("the archive has no end mark: it was cut off" if at else "the archive is empty")
    if not head.startswith(MAGIC) or not re.fullmatch(rb"[0-9A-Fa-f]{104}", head[len(MAGIC) :]):
        hint = "only the format `newc` is known: `cpio --format=newc`, unpacked"
        raise BadArchive(f"there is no header of a cpio archive at byte {at}", hint=hint)
    inode, mode, uid, gid, links, mtime, size, _, _, major, minor, length, _ = (
        int(head[start : start + 8], 16) for start in range(len(MAGIC), HEADER_SIZE, 8)
    )
    name = archive.read(length)
    offset = at + _aligned(HEADER_SIZE + length)
    following = offset + _aligned(size)
    if not name.endswith(b"\0") or offset + size > end:
        raise BadArchive(f"the member at byte {at} goes on behind the archive's end: it was cut off")
    path = name[:-1].decode("utf-8", "surrogateescape")
    return Member(path, mode, uid, gid, mtime, inode, links, (major, minor), size, offset), following


def _behind_zeros(archive: BinaryIO, at: int) -> int:
    archive.seek(at)
    while piece := archive.read(COPY_SIZE):
        if rest := piece.lstrip(b"\0"):
            return at + len(piece) - len(rest)
        at += len(piece)
    return at


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
