"""A root file system as a tar archive: find what stands at a path, and write archives that never differ.

Nothing is unpacked: owners, device nodes and symbolic links are read where they are, so no rights are needed.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from distrobuild.errors import DistrobuildError

MAX_LINKS = 40
"""Symbolic links followed for one path before it is called a loop; the kernel's own limit (path_resolution(7))."""


class BadRootArchive(DistrobuildError):
    """A path in a root file system's archive that leads nowhere."""


class RootTar:
    """The archive of a root file system, opened to read. Paths are absolute or relative to its root."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path)  # noqa: SIM115 - closed by __exit__
        self._members = {str(_normal(member.name)): member for member in self._tar}

    def __enter__(self) -> RootTar:
        return self

    def __exit__(self, *error: object) -> None:
        self._tar.close()

    def __iter__(self) -> Iterator[str]:
        """Every path, as `usr/bin/env`, in the archive's order."""
        return iter(self._members)

    def lookup(self, path: str) -> tarfile.TarInfo | None:
        """What stands at exactly this path; a symbolic link is not followed."""
        return self._members.get(str(_normal(path)))

    def resolve(self, path: str) -> str:
        """The path with every symbolic link among its folders followed, its last part as it is.

        `lib/modules/x` becomes `usr/lib/modules/x`. A path that does not exist keeps its missing part.
        Raises `BadRootArchive` for a loop.
        """
        todo = list(_normal(path).parts)
        done = PurePosixPath()
        links = 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = done.parent
                continue
            here = done / part
            member = self._members.get(str(here))
            if not todo or member is None or not member.issym():
                done = here
                continue
            links += 1
            if links > MAX_LINKS:
                raise BadRootArchive(f"/{path}: its symbolic links go round in a circle")
            if member.linkname.startswith("/"):
                done = PurePosixPath()
            todo = [*_normal(member.linkname).parts, *todo]
        return str(done)

    def read(self, path: str) -> bytes:
        """Content of the regular file at this path (links among its folders followed). Raises `BadRootArchive`."""
        member = self.lookup(self.resolve(path))
        stream = None if member is None or not (member.isreg() or member.islnk()) else self._tar.extractfile(member)
        if stream is None:
            raise BadRootArchive(f"the root file system has no file /{_normal(path)}")
        return stream.read()


class TarWriter:
    """Writes a tar archive whose bytes depend on nothing but what is added: one time, no names of owners."""

    def __init__(self, path: Path, epoch: int) -> None:
        """`epoch` is the time of every member, in seconds since 1970."""
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by __exit__
        self._epoch = epoch

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._tar.close()

    def folder(self, path: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a folder; `owner` is uid and gid."""
        self._add(path, tarfile.DIRTYPE, mode, owner)

    def file(self, path: str, content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a regular file."""
        self._add(path, tarfile.REGTYPE, mode, owner, content=content)

    def link(self, path: str, target: str, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777, owner, target=target)

    def _add(
        self, path: str, kind: bytes, mode: int, owner: tuple[int, int], *, content: bytes = b"", target: str = ""
    ) -> None:
        member = tarfile.TarInfo(f"./{_normal(path)}")
        member.type, member.mode, member.mtime = kind, mode, self._epoch
        member.uid, member.gid = owner
        member.size, member.linkname = len(content), target
        self._tar.addfile(member, io.BytesIO(content))


def _normal(path: str) -> PurePosixPath:
    """`./usr/bin/`, `/usr/bin` and `usr/bin` are one path."""
    return PurePosixPath(PurePosixPath("/", path).relative_to("/"))
