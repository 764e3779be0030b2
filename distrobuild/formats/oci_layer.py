"""A layer of a container image: a root file system, or what turns one into another, as a tar archive.

Format: OCI image specification 1.1, layer.md. A path that is gone is an empty file `.wh.NAME` beside where it stood;
further names of one file are hard links, so that its content is there once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from distrobuild.formats.root_layer import UNCOMPARED, changes
from distrobuild.formats.root_tar import RootTar, TarWriter

WHITEOUT = ".wh."
"""Beginning of the name of a file that hides another of the layers below."""


def write_first_layer(root: RootTar, place: Path, epoch: int) -> None:
    """Write all of `root` but what a runtime fills; no time in it is later than `epoch`."""
    _write(root, [path for path in root if not path.startswith(UNCOMPARED)], [], place, epoch)


def write_next_layer(before: RootTar, after: RootTar, place: Path, epoch: int) -> None:
    """Write what makes `after` out of `before`."""
    found = changes(before, after)
    _write(after, found.kept, found.gone, place, epoch)


def _write(root: RootTar, kept: Iterable[str], gone: Iterable[str], place: Path, epoch: int) -> None:
    hidden = {_whiteout(path) for path in gone}
    first_name: dict[str, str] = {}
    with TarWriter(place, epoch) as layer:
        for path in sorted({*kept, *hidden}):
            if path in hidden:
                layer.file(path, b"", mode=0)
                continue
            file = _file(root, path)
            if file in first_name:
                layer.copy_name(path, root, first_name[file])
            else:
                first_name[file] = path
                layer.copy(path, root)


def _file(root: RootTar, path: str) -> str:
    """The one name of all the names of a file, by which it is known that they are the same."""
    member = root.lookup(path)
    return str(PurePosixPath("/", member.linkname)) if member is not None and member.islnk() else f"/{path}"


def _whiteout(path: str) -> str:
    place = PurePosixPath(path)
    return str(place.with_name(f"{WHITEOUT}{place.name}"))
