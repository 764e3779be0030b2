"""What differs between two root file systems, as a layer that turns the first into the second under overlayfs.

A path that is gone becomes a whiteout, a character device with the number 0:0; a folder that stays takes its owner and
mode from the uppermost layer that has it (Documentation/filesystems/overlayfs.rst in the kernel's source).
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from distrobuild.formats.root_tar import RootTar, TarWriter

UNCOMPARED = ("dev/", "proc/", "run/", "sys/", "tmp/")
"""Folders that a running system fills; nothing in them is part of a root file system."""


@dataclass(frozen=True)
class Changes:
    """What turns one root file system into another: paths to take from the second, and paths that are gone."""

    kept: tuple[str, ...]
    """What is new or differs, and every folder above that; sorted."""
    gone: tuple[str, ...]
    """What the first has and the second has not; below a folder that is gone nothing is named. Sorted."""


def changes(before: RootTar, after: RootTar) -> Changes:
    """What makes `after` out of `before`."""
    changed = {path for path in after if not path.startswith(UNCOMPARED) and _differs(before, after, path)}
    gone = {path for path in before if not path.startswith(UNCOMPARED) and after.lookup(path) is None}
    # Below a folder that is gone nothing is left to hide.
    gone = {path for path in gone if str(PurePosixPath(path).parent) not in gone}
    folders = {str(parent) for path in changed | gone for parent in PurePosixPath(path).parents} & set(after)
    return Changes(tuple(sorted(changed | folders)), tuple(sorted(gone)))


def write_layer(before: RootTar, after: RootTar, place: Path, epoch: int) -> None:
    """Write to `place` the layer that makes `after` out of `before`; no time in it is later than `epoch`."""
    found = changes(before, after)
    gone = set(found.gone)
    with TarWriter(place, epoch) as layer:
        for path in sorted({*found.kept, *gone}):
            if path in gone:
                layer.whiteout(path)
            else:
                layer.copy(path, after)


def _differs(before: RootTar, after: RootTar, path: str) -> bool:
    old, new = before.lookup_file(path), after.lookup_file(path)
    if old is None or new is None or _facts(old) != _facts(new):
        return True
    # Whoever writes a file leaves another time, later than the fixed clock of every file that was there.
    return new.isreg() and int(old.mtime) != int(new.mtime) and before.read(path) != after.read(path)


def _facts(member: tarfile.TarInfo) -> tuple[object, ...]:
    """All of a member but the content of a file: type, mode, owner, size, target, device, extended attributes."""
    attributes = {name: value for name, value in member.pax_headers.items() if name.startswith("SCHILY.xattr.")}
    device = (member.devmajor, member.devminor) if member.isdev() and not member.isfifo() else None
    size = member.size if member.isreg() else 0
    return (member.type, member.mode, member.uid, member.gid, size, member.linkname, device, attributes)
