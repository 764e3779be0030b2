"""A root file system as a tar archive: find what stands at a path, and write archives that never differ.

Nothing is unpacked: owners, device nodes and symbolic links are read where they are, so no rights are needed.
"""

from __future__ import annotations

import copy
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from distrobuild.errors import DistrobuildError

MAX_LINKS = 40
"""Symbolic links followed for one path before it is called a loop; the kernel's own limit (path_resolution(7))."""


class BadRootArchive(DistrobuildError):
    """A path in a root file system's archive that leads nowhere."""


class RootTar:
    """The archive of a root file system, opened to read. Paths are absolute or relative to its root.

    Given several, each is a layer over those before it: the last that has a path counts, a whiteout hides it.
    """

    def __init__(self, *paths: Path) -> None:
        self._archives: list[tarfile.TarFile] = []
        self._members: dict[str, tarfile.TarInfo] = {}
        self._archive_of: dict[str, tarfile.TarFile] = {}
        for path in paths:
            self._lay(tarfile.open(path))  # noqa: SIM115 - closed by __exit__

    def _lay(self, archive: tarfile.TarFile) -> None:
        self._archives.append(archive)
        for member in archive:
            path = str(_normal(member.name))
            if member.ischr() and (member.devmajor, member.devminor) == (0, 0):
                for hidden in [each for each in self._members if each == path or each.startswith(f"{path}/")]:
                    del self._members[hidden]
            else:
                self._members[path] = member
                self._archive_of[path] = archive

    def __enter__(self) -> RootTar:
        return self

    def __exit__(self, *error: object) -> None:
        for archive in self._archives:
            archive.close()

    def __iter__(self) -> Iterator[str]:
        """Every path, as `usr/bin/env`, in the archive's order."""
        return iter(self._members)

    def lookup(self, path: str) -> tarfile.TarInfo | None:
        """What stands at exactly this path; a symbolic link is not followed."""
        return self._members.get(str(_normal(path)))

    def lookup_file(self, path: str) -> tarfile.TarInfo | None:
        """As `lookup`, but of a further name of a file (a hard link), the file itself."""
        member = self.lookup(path)
        return self.lookup(member.linkname) if member is not None and member.islnk() else member

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
        return self.open(path).read()

    def open(self, path: str) -> IO[bytes]:
        """The same to be read piece by piece."""
        place = self.resolve(path)
        member = self.lookup_file(place)
        stream = self._archive_of[place].extractfile(member) if member is not None and member.isreg() else None
        if stream is None:
            raise BadRootArchive(f"the root file system has no file /{_normal(path)}")
        return stream


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

    def whiteout(self, path: str) -> None:
        """Add what hides a path of the layers below: a character device 0:0."""
        self._add(path, tarfile.CHRTYPE, 0, (0, 0))

    def copy(self, path: str, root: RootTar, place: str | None = None) -> None:
        """Add what stands at `path` in `root` (at `place` of the archive, by default the same path).

        Extended attributes come along; a hard link becomes a file of its own.
        """
        found = self._found(path, root)
        content = root.open(path) if found.isreg() else None
        attributes = {name: text for name, text in found.pax_headers.items() if name.startswith("SCHILY.xattr.")}
        member = self._like(found, place or path)
        member.pax_headers = attributes
        self._tar.addfile(member, content)

    def copy_name(self, path: str, root: RootTar, target: str) -> None:
        """Add `path`, which in `root` is a regular file, as a further name of the one that was added at `target`.

        Whoever unpacks a hard link gives the file that link's owner, mode and time, so it has those of the file.
        """
        member = self._like(self._found(path, root), path)
        member.type, member.linkname, member.size, member.pax_headers = tarfile.LNKTYPE, f"./{_normal(target)}", 0, {}
        self._tar.addfile(member)

    @staticmethod
    def _found(path: str, root: RootTar) -> tarfile.TarInfo:
        found = root.lookup_file(path)
        if found is None:
            raise BadRootArchive(f"the root file system has nothing at /{path}")
        return found

    def _like(self, found: tarfile.TarInfo, place: str) -> tarfile.TarInfo:
        member = copy.copy(found)
        member.name, member.mtime = f"./{_normal(place)}", min(int(found.mtime), self._epoch)
        member.uname, member.gname = "", ""
        return member

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
