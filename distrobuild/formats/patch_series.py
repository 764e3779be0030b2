"""Reads a patch series: a folder with patches and the file `series` that names them in order.

The format is quilt's (quilt(1), "series file format"): one name for each line, `#` begins a comment. Comments of
the form `# Name: VALUE` at the top describe the series itself:

    # Name: mlos-6.12      what the series is called in the built kernel; default: the folder's name
    # Base: 6.12.117 sha256:…    the release that it was last refreshed against, and the digest of its tarball

A patch that fits several kernel lines stands in a folder beside those of the lines: `../common/0003-example.patch`.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats import patch
from distrobuild.formats.patch import Patch

HEADER = re.compile(r"^#\s*(Name|Base):\s*(\S+)(?:\s+sha256:([0-9a-f]{64}))?\s*$")
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.+~-]*$")
SHARED = re.compile(r"^\.\./([A-Za-z0-9][A-Za-z0-9_.+~-]*)/([^/]+)$")
"""How a series names a patch in the folder beside its own: folder, file."""
DIGEST_LENGTH = 12
"""Hexadecimal digits of the digest in a patch set's identity; enough to tell, short enough for a version line."""


@dataclass(frozen=True)
class Series:
    """Patches in the order in which they apply.

    `base` is the release that they were made for, `base_sha256` the digest of its tarball, where the series names them.
    `identity` is `NAME+DIGEST`: the digest (SHA-256, first 12 hexadecimal digits) is over the file names and bytes of
    the patches, so that two kernels with the same identity have the same patches.
    """

    name: str
    base: str | None
    base_sha256: str | None
    patches: tuple[Patch, ...]
    identity: str


def shared_folders(folder: Path) -> tuple[str, ...]:
    """Names of the folders beside `folder` that its series takes patches from; none where there is no series."""
    series = folder / "series"
    words = _words(patch.split_lines(series.read_text(encoding="utf-8"))) if series.is_file() else ()
    return tuple(sorted({match[1] for _, _, (name, *_) in words if (match := SHARED.match(name))}))


def check_series(folder: Path, shown: Path | None = None) -> list[Problem]:
    """Every mistake in the series in `folder`, without needing a source tree; empty when it is sound."""
    try:
        read_series(folder, shown)
    except InvalidInput as error:
        return error.problems
    return []


def read_series(folder: Path, shown: Path | None = None, shared: Mapping[str, Path] | None = None) -> Series:
    """Read the series in `folder`, named `shown` in messages; raise `InvalidInput` with all mistakes of all patches.

    `shared` says where the folders are that stand beside it, by name; without it, beside it.
    """
    shown = shown or folder
    shared = {name: folder.parent / name for name in shared_folders(folder)} if shared is None else shared
    try:
        lines = patch.split_lines((folder / "series").read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "write the patches' file names into it, one for each line, in the order in which they apply"
        raise InvalidInput([Problem(Location(shown / "series", 1), "there is no `series` file", hint)]) from None
    headers = {match[1]: match for match in map(HEADER.match, lines) if match}
    entries, problems = _entries(lines, folder, shared, shown)
    name = headers["Name"][2] if "Name" in headers else shown.name
    base, base_sha256 = headers["Base"].groups()[1:] if "Base" in headers else (None, None)
    if not NAME.match(name):
        problems.append(Problem(Location(shown / "series", 1), f"`{name}` cannot be the name of a series"))
    patches = []
    digest = hashlib.sha256()
    for entry in entries:
        content = _place(entry, folder, shared).read_bytes()
        digest.update(f"{PurePosixPath(entry).name}\0{len(content)}\0".encode() + content)
        try:
            name_in_messages = Path(os.path.normpath(shown / entry))
            patches.append(patch.parse(content.decode("utf-8", "surrogateescape"), name_in_messages))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    identity = f"{name}+{digest.hexdigest()[:DIGEST_LENGTH]}"
    return Series(name, base, base_sha256, tuple(patches), identity)


def _entries(
    lines: list[str], folder: Path, shared: Mapping[str, Path], shown: Path
) -> tuple[list[str], list[Problem]]:
    """The names of the patches that exist, and a problem for each line that names none."""
    entries: list[str] = []
    problems = []
    for number, column, words in _words(lines):
        message, hint = _mistake(words, entries, folder, shared)
        if message:
            problems.append(Problem(Location(shown / "series", number, column), message, hint))
        else:
            entries.append(words[0])
    return entries, problems


def _words(lines: list[str]) -> Iterator[tuple[int, int, list[str]]]:
    """Line, column and words of each entry."""
    for number, line in enumerate(lines, start=1):
        if words := line.partition("#")[0].split():
            yield number, line.index(words[0]) + 1, words


def _place(name: str, folder: Path, shared: Mapping[str, Path]) -> Path:
    """Where the file of an entry is."""
    match = SHARED.match(name)
    return shared[match[1]] / match[2] if match else folder / name


def _mistake(
    words: list[str], earlier: list[str], folder: Path, shared: Mapping[str, Path]
) -> tuple[str | None, str | None]:
    name, *options = words
    if options not in ([], ["-p1"]):
        return f"`{' '.join(options)}` is not understood", "patches are applied with -p1; one name for each line"
    if PurePosixPath(name).name in {PurePosixPath(each).name for each in earlier}:
        return f"`{name}` is named twice", None
    if not SHARED.match(name) and (PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts):
        hint = "a patch of several lines stands in a folder beside that of the line: `../common/NAME`"
        return f"`{name}` is outside the folder of the series", hint
    place = _place(name, folder, shared)
    if not place.is_file():
        others = sorted(file.name for file in place.parent.glob("*.patch"))
        near = difflib.get_close_matches(place.name, others, n=1)
        hint = f"did you mean `{PurePosixPath(name).parent / near[0]}`?" if near else "add the file or remove the line"
        return f"there is no patch `{name}`", hint
    return None, None
