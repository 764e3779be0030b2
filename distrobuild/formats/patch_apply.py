"""Places the hunks of a patch in the lines of a file, and says exactly why one has no place.

Pure: files come as lists of lines and go as lists of lines. A hunk matches where all of its old lines stand; it may
have moved (offset, found by looking outward from where it should be), and on request up to `fuzz` lines of its
context may differ at either end, as GNU patch does. A build never asks for fuzz.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats.patch import FileChange, Hunk, Patch

NEWLINE_MISSING = "\0no newline at end of file"
"""Appended as the last line of a file that ends without a newline; a text file has no NUL."""


@dataclass(frozen=True)
class Placement:
    """Where a hunk went: `index` of its first old line (from 0), lines moved, context lines ignored at each end."""

    index: int
    offset: int
    fuzz: int


@dataclass(frozen=True)
class Applied:
    """A patch that found its place: each hunk with its placement, in the order of the patch."""

    patch: Patch
    placements: tuple[tuple[FileChange, Hunk, Placement], ...]

    @property
    def moved(self) -> int:
        """The largest offset of a hunk, in lines."""
        return max((abs(placement.offset) for _, _, placement in self.placements), default=0)

    @property
    def fuzz(self) -> int:
        """The largest number of context lines ignored."""
        return max((placement.fuzz for _, _, placement in self.placements), default=0)


class PatchDoesNotApply(InvalidInput):
    """A sound patch whose hunks do not fit the tree; the problems stand at the hunks in the patch.

    `rest` are the files as those of its hunks leave them that do fit.
    """

    def __init__(self, problems: list[Problem], rest: Mapping[str, list[str] | None]) -> None:
        super().__init__(problems)
        self.rest = rest


Tree = MutableMapping[str, list[str] | None]
"""Files by name; None: there is no such file. `apply` changes it."""


def to_lines(content: bytes) -> list[str]:
    """The lines of a file, with `NEWLINE_MISSING` at the end when its last line has no newline."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    last = lines.pop()
    return lines if last == "" else [*lines, last, NEWLINE_MISSING]


def to_content(lines: Sequence[str]) -> bytes:
    """The bytes of a file made of `lines`; the inverse of `to_lines`."""
    ends = not (lines and lines[-1] == NEWLINE_MISSING)
    text = "\n".join(lines if ends else lines[:-1])
    return (text + "\n" if ends and lines else text).encode("utf-8", "surrogateescape")


def apply(patch: Patch, tree: Tree, *, fuzz: int = 0) -> Applied:
    """Apply all of `patch` to `tree`, or raise `PatchDoesNotApply` with every reason and leave the tree alone."""
    changed: dict[str, list[str] | None] = {}
    placements: list[tuple[FileChange, Hunk, Placement]] = []
    problems: list[Problem] = []
    for change in patch.changes:
        lines, reason = _before(change, {**tree, **changed})
        if reason:
            problems.append(Problem(Location(patch.path, change.line), reason))
            continue
        after, placed, failed = _apply_hunks(change, lines, fuzz)
        problems += [Problem(Location(patch.path, hunk.line), why) for hunk, why in failed]
        placements += [(change, hunk, placement) for hunk, placement in placed]
        if change.new is None and after and not failed:
            why = f"{change.old} is to be deleted but holds lines that the patch does not know"
            problems.append(Problem(Location(patch.path, change.line), why))
        if change.old is not None:
            changed[change.old] = None
        if change.new is not None:
            changed[change.new] = after
    if problems:
        raise PatchDoesNotApply(problems, changed)
    tree.update(changed)
    return Applied(patch, tuple(placements))


def reversed_patch(patch: Patch) -> Patch:
    """The patch that undoes `patch`; it applies where `patch` is already in."""
    return replace(patch, changes=tuple(_reversed_change(change) for change in patch.changes))


def _before(change: FileChange, tree: Mapping[str, list[str] | None]) -> tuple[list[str], str | None]:
    """The lines that `change` starts from, and the reason why it cannot start."""
    if change.old is None:
        assert change.new is not None
        return [], f"{change.new} is to be made but is already there" if tree.get(change.new) is not None else None
    if change.new not in (None, change.old) and tree.get(change.new or "") is not None:
        return [], f"{change.old} is to be renamed to {change.new}, which is already there"
    lines = tree.get(change.old)
    return (lines or []), f"{change.old} is not in the tree" if lines is None else None


def _apply_hunks(
    change: FileChange, lines: list[str], fuzz: int
) -> tuple[list[str], list[tuple[Hunk, Placement]], list[tuple[Hunk, str]]]:
    """The lines afterwards, what was placed, and what was not with the reason."""
    result: list[str] = []
    placed: list[tuple[Hunk, Placement]] = []
    failed: list[tuple[Hunk, str]] = []
    done = drift = 0
    for hunk in change.hunks:
        placement = _place(hunk, lines, done, drift, fuzz)
        if placement is None:
            failed.append((hunk, _why_not(change, hunk, lines, done, drift)))
            continue
        old, new = _sides(hunk)
        leading, trailing = _ignored(hunk, placement.fuzz)
        begin, end = placement.index + leading, placement.index + len(old) - trailing
        result += lines[done:begin] + new[leading : len(new) - trailing]
        done, drift = end, placement.offset
        placed.append((hunk, placement))
    return result + lines[done:], placed, failed


def _place(hunk: Hunk, lines: Sequence[str], done: int, drift: int, fuzz: int) -> Placement | None:
    """The nearest place, with as little fuzz as possible, at or after the line `done`."""
    expected = _expected(hunk)
    old, _ = _sides(hunk)
    for allowed in range(fuzz + 1):
        leading, trailing = _ignored(hunk, allowed)
        wanted = old[leading : len(old) - trailing]
        if not wanted and hunk.old:
            return None
        for index in _outward(expected + drift, max(done - leading, -leading), len(lines) - len(old) + trailing):
            begin = index + leading
            if lines[begin : begin + len(wanted)] == wanted:
                return Placement(index, index - expected, allowed)
            if not old:
                return None  # an insertion without context has one place only
    return None


def _expected(hunk: Hunk) -> int:
    """Index of the first old line; a header `-N,0` names the line after which to insert."""
    return hunk.old_start - 1 if hunk.old else hunk.old_start


def _outward(start: int, first: int, last: int) -> list[int]:
    """`first` to `last`, those near `start` first."""
    return sorted(range(first, last + 1), key=lambda index: abs(index - start))


def _sides(hunk: Hunk) -> tuple[list[str], list[str]]:
    old, new = list(hunk.old), list(hunk.new)
    return old + [NEWLINE_MISSING] * (not hunk.old_ends), new + [NEWLINE_MISSING] * (not hunk.new_ends)


def _ignored(hunk: Hunk, fuzz: int) -> tuple[int, int]:
    """How many context lines are ignored at the beginning and at the end."""
    leading = next((at for at, line in enumerate(hunk.body) if line[0] != " "), len(hunk.body))
    trailing = next((at for at, line in enumerate(reversed(hunk.body)) if line[0] != " "), len(hunk.body))
    context = max(leading, trailing)
    return max(0, leading - max(0, context - fuzz)), max(0, trailing - max(0, context - fuzz))


def _why_not(change: FileChange, hunk: Hunk, lines: Sequence[str], done: int, drift: int) -> str:
    """The first line that differs, at the place where most of the hunk's lines stand."""
    old, _ = _sides(hunk)
    expected = _expected(hunk) + drift

    def score(index: int) -> tuple[int, int]:
        same = sum(a == b for a, b in zip(old, lines[index : index + len(old)], strict=False))
        return same, -abs(index - expected)

    best = max(range(done, max(len(lines), done + 1)), key=score)
    head = f"hunk {hunk.number} does not apply to {change.old}"
    if score(best)[0] == 0:
        return f"{head}: none of its lines stand there any more"
    for at, wanted in enumerate(old):
        found = lines[best + at] if best + at < len(lines) else "the end of the file"
        if found != wanted:
            return f"{head}: at line {best + at + 1} expected `{_shown(wanted)}`, found `{_shown(found)}`"
    return f"{head}: its lines stand before an earlier hunk's"


def _shown(line: str) -> str:
    return line.strip("\0").encode("utf-8", "replace").decode().strip()


def _reversed_change(change: FileChange) -> FileChange:
    swap = {" ": " ", "+": "-", "-": "+"}
    hunks = tuple(
        replace(
            hunk,
            old_start=hunk.new_start,
            new_start=hunk.old_start,
            old_ends=hunk.new_ends,
            new_ends=hunk.old_ends,
            body=tuple(swap[line[0]] + line[1:] for line in hunk.body),
        )
        for hunk in change.hunks
    )
    return replace(change, old=change.new, new=change.old, hunks=hunks)
