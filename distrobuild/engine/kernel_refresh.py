"""Refreshes a patch series onto a kernel's source: what still fits, what moved, what conflicts, what is upstream."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tarfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from debian.debfile import DebFile

from distrobuild.errors import DistrobuildError
from distrobuild.formats import patch, patch_apply, patch_refresh
from distrobuild.formats.patch_apply import Tree
from distrobuild.formats.patch_refresh import Fit, Refreshed
from distrobuild.formats.patch_series import read_series
from distrobuild.stages.kernel_source import DEBIAN_PACKAGE, DEBIAN_TARBALLS, TARBALL, NoKernelSource, tree_version

BASE = re.compile(r"^(#[^\S\n]*Base:[^\S\n]*)\S.*$", re.MULTILINE)
MAKEFILE = "Makefile"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Report:
    """How a series fits a tree of release `version`; the patches in order.

    `sha256` is the digest of the tarball that holds the tree, None where there is no tarball; `base` and `base_sha256`
    are what the series was made for.
    """

    version: str
    sha256: str | None
    base: str | None
    base_sha256: str | None
    patches: tuple[Refreshed, ...]

    @property
    def is_of_base(self) -> bool:
        """Whether this is the very source that the series was made for, as far as the series says it."""
        return self.base == self.version and self.sha256 in (None, self.base_sha256 or self.sha256)

    @property
    def conflicts(self) -> list[Refreshed]:
        """The patches that a person has to look at."""
        return [each for each in self.patches if each.fit is Fit.CONFLICT]


def refresh_series(folder: Path, source: Path) -> Report:
    """Try the series in `folder` on `source`: a tree, a tarball, a linux-source package, or a folder with one of these.

    Nothing is written. Raises `InvalidInput` for a malformed series and `NoKernelSource`.
    """
    series = read_series(folder)
    names = {name for each in series.patches for name in each.names}
    files, sha256 = read_files(source, names | {MAKEFILE})
    version = tree_version("\n".join(files[MAKEFILE] or []))
    tree: Tree = {name: files[name] for name in names}
    results = []
    for each in series.patches:
        text = patch.split_lines(each.path.read_bytes().decode("utf-8", "surrogateescape"))
        results.append(patch_refresh.refresh(each, text, tree))
    return Report(version, sha256, series.base, series.base_sha256, tuple(results))


def write_series(folder: Path, report: Report) -> list[Path]:
    """Write the patches that moved, comment out those that are upstream, and pin the series' base; the files written.

    Refuses while a patch conflicts: a base may only be pinned that the whole series fits. A patch that other lines
    share is left alone: moved, it fits still; whose context differs, it is no longer the same for all.
    """
    _refuse(report.conflicts, "conflict", "apply them to the tree by hand, export them again with `git format-patch`")
    shared = [each for each in report.patches if each.patch.path.parent != folder]
    differing = [each for each in shared if each.fit is Fit.FUZZ]
    _refuse(differing, "that are shared need fuzz", "give each line its own copy of them, in the folder of the line")
    written = []
    for each in report.patches:
        if each.lines is not None and each not in shared:
            each.patch.path.write_bytes("".join(f"{line}\n" for line in each.lines).encode("utf-8", "surrogateescape"))
            written.append(each.patch.path)
    path = folder / "series"
    text = before = path.read_text("utf-8")
    for each in report.patches:
        if each.fit is Fit.UPSTREAM:
            name = re.escape(Path(os.path.relpath(each.patch.path, folder)).as_posix())
            text = re.sub(rf"^\s*({name})\b.*$", rf"# \1: part of {report.version}", text, flags=re.MULTILINE)
    base = report.version if report.sha256 is None else f"{report.version} sha256:{report.sha256}"
    text = BASE.sub(rf"\g<1>{base}", text)
    if text != before:
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def _refuse(patches: Sequence[Refreshed], what: str, hint: str) -> None:
    if patches:
        names = ", ".join(each.patch.path.name for each in patches)
        raise DistrobuildError(f"nothing is written while patches {what}: {names}", hint=f"{hint}, then refresh")


class _Hashed(io.RawIOBase):
    """A stream that notes the digest of what is read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of the stream below."""
        data = self.stream.read(size)
        self.digest.update(data)
        return data


def read_files(source: Path, names: Collection[str]) -> tuple[dict[str, list[str] | None], str | None]:
    """The lines of the files called `names` in the tree of `source`, None for those that it lacks.

    And the digest of its tarball (SHA-256, hexadecimal), None where the source is a tree.
    """
    sha256 = None
    if (source / MAKEFILE).is_file():
        present = [name for name in names if (source / name).is_file()]
        found = {name: patch_apply.to_lines((source / name).read_bytes()) for name in present}
    else:
        with _tarball(source) as stream:
            hashed = _Hashed(stream)
            with tarfile.open(fileobj=hashed, mode="r|*") as archive:
                found = {}
                for member in archive:
                    name = member.name.removeprefix("./").partition("/")[2]
                    if name in names and member.isfile() and (file := archive.extractfile(member)) is not None:
                        found[name] = patch_apply.to_lines(file.read())
            while hashed.read(CHUNK_BYTES):
                pass  # what stands behind the end of the archive
            sha256 = hashed.digest.hexdigest()
    return {name: found.get(name) for name in names}, sha256


@contextlib.contextmanager
def _tarball(source: Path) -> Iterator[IO[bytes]]:
    """The tarball in `source`, taken out of its Debian package if it is in one."""
    candidates = [source] if source.is_file() else [*source.glob(DEBIAN_PACKAGE), *source.glob(TARBALL)]
    if not candidates:
        raise NoKernelSource(f"no kernel source in {source}", hint=f"expected a tree, {DEBIAN_PACKAGE} or {TARBALL}")
    path = candidates[0]
    if path.suffix != ".deb":
        with path.open("rb") as stream:
            yield stream
        return
    package = DebFile(str(path))
    with package.data.tgz() as members:
        for member in members:
            if Path(member.name).match(DEBIAN_TARBALLS):
                inner = members.extractfile(member)
                assert inner is not None
                yield inner
                return
    raise NoKernelSource(f"{path} holds no {DEBIAN_TARBALLS}")
