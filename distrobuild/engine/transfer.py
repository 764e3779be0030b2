"""Carry finished outputs and fetched files from one store to another, as one tar file."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from distrobuild.engine.entry import Entry
from distrobuild.engine.store import Store
from distrobuild.errors import DistrobuildError

FETCHED = "caches/fetch"


class BadArchive(DistrobuildError):
    """A file that `cache export` did not write, or that was damaged on its way."""


def export(store: Store, keys: Iterable[str], files: Iterable[str], place: Path) -> int:
    """Write the entries of `keys`, and the fetched `files` (hexadecimal digests), to `place`; return how many."""
    count = 0
    scratch = place.with_name(place.name + ".new")
    with store.use(), tarfile.open(scratch, "w") as archive:
        for key in keys:
            entry = store.find(key)
            if entry is not None:
                archive.add(entry.path, entry.path.relative_to(store.root).as_posix())
                count += 1
        for digest in files:
            file = store.root / FETCHED / digest
            if file.exists():
                archive.add(file, f"{FETCHED}/{digest}")
                count += 1
    scratch.replace(place)
    return count


def import_(store: Store, place: Path) -> int:
    """Take what `export` wrote into the store, intact entries only; return how many. Raises `BadArchive`."""
    with store.scratch() as scratch:
        try:
            with tarfile.open(place) as archive:
                _extract(archive, scratch.work, place)
        except (tarfile.TarError, OSError) as error:
            raise BadArchive(f"{place}: {error}") from error
        count = 0
        for path in sorted((scratch.work / "outputs").glob("*")):
            entry = Entry(f"sha256:{path.name}", path)
            if not entry.is_intact():
                raise BadArchive(f"{place}: the output {path.name[:12]} in it is damaged")
            with store.claim(entry.key):
                if store.find(entry.key) is None:
                    path.rename(store.root / "outputs" / path.name)
                    Entry(entry.key, store.root / "outputs" / path.name).note_use()
                    count += 1
        # `fetch` checks every file against its digest when it is used.
        for path in sorted((scratch.work / FETCHED).glob("*")):
            path.rename(store.cache("fetch") / path.name)
            count += 1
        return count


def _extract(archive: tarfile.TarFile, folder: Path, place: Path) -> None:
    """Unpack below `folder`, and nowhere else; with the modes as they are, for they are part of an output's digest.

    tarfile's own filters came with Python 3.11.4, and would take set-user-id bits away. Raises `BadArchive`.
    """
    links: set[PurePosixPath] = set()
    for member in archive:
        paths = [PurePosixPath(member.name), *([PurePosixPath(member.linkname)] if member.islnk() else [])]
        for path in paths:
            if path.is_absolute() or ".." in path.parts or not links.isdisjoint(path.parents):
                raise BadArchive(f"{place}: `{path}` leads out of the store")
        if member.issym():
            links.add(paths[0])
    archive.extraction_filter = lambda member, _path: member
    archive.extractall(folder)
