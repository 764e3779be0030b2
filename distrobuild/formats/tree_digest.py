"""Digests of files and folders: what is in them, whether it can be executed, nothing about who, when or where."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from distrobuild.formats.sparse import COPY_SIZE, data_extents

IGNORED = {"__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
"""Folders that tools leave in a source tree; never part of it."""


ZEROS = memoryview(bytes(COPY_SIZE))


def file_digest(path: Path) -> str:
    """`sha256:` and the hexadecimal digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in _pieces(stream):
            digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def value_digest(value: Any) -> str:
    """Digest of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def source_files(path: Path) -> dict[str, str]:
    """Relative path to digest of every file of a source tree: content, executable bit, link target.

    Umask, owner and times do not count, so a checkout gives the same digests everywhere. An empty folder is
    listed with a trailing slash. `path` may be a single file; it is then listed as `.`.
    """
    if not path.is_dir():
        return {".": _entry_digest(path)}
    return {name: _entry_digest(entry) for name, entry in sorted(_walk(path)) if name}


def tree_digest(files: Mapping[str, str]) -> str:
    """One digest for the answer of `source_files`."""
    return value_digest(dict(files))


def output_files(path: Path) -> dict[str, str]:
    """Relative path to mode and digest of everything in a stage's output, nothing ignored."""
    entries = {}
    for name, entry in _walk(path, ignored=frozenset()):
        mode = entry.lstat().st_mode
        entries[name] = f"{mode:o} {_entry_digest(entry)}"
    return entries


def output_digest(files: Mapping[str, str]) -> str:
    """One digest for the answer of `output_files`: what `cache verify` compares."""
    return value_digest(dict(files))


def file_sums(files: Mapping[str, str]) -> dict[str, str]:
    """Of the answer of `output_files`, the regular files with the hexadecimal digest of each."""
    words = {name: entry.partition(" sha256:")[2].removesuffix("+x") for name, entry in files.items()}
    return {name: digest for name, digest in words.items() if digest}


def _pieces(stream: BinaryIO) -> Iterator[bytes | memoryview]:
    """The bytes of a file. Its holes are not read: the kernel would make a page of zeros for each of their pages."""
    end = 0
    for start, length in data_extents(stream):
        yield from _zeros(start - end)
        end = start + length
        stream.seek(start)
        for done in range(0, length, COPY_SIZE):
            yield stream.read(min(COPY_SIZE, length - done))
    yield from _zeros(os.fstat(stream.fileno()).st_size - end)


def _zeros(length: int) -> Iterator[memoryview]:
    for done in range(0, length, COPY_SIZE):
        yield ZEROS[: min(COPY_SIZE, length - done)]


def _entry_digest(path: Path) -> str:
    if path.is_symlink():
        return f"link:{path.readlink()}"
    if path.is_dir():
        return "folder"
    if not path.is_file():
        return "special"
    digest = file_digest(path)
    return f"{digest}+x" if path.stat().st_mode & 0o100 else digest


def _walk(path: Path, ignored: frozenset[str] | set[str] = IGNORED) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in ignored]
        here = Path(folder)
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in [*files, *linked]:
            entry = here / name
            yield entry.relative_to(path).as_posix(), entry
        if not files and not folders and here != path:
            yield here.relative_to(path).as_posix() + "/", here
