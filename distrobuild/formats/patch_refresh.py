"""Brings a patch up to date with a newer tree: says how it fits, and rewrites it so that it fits exactly again.

Pure. A rewritten patch differs from the old one only in what had to change: the line numbers of its hunks, context
lines that the tree words differently now, and git's `index` lines. The message and what it adds or removes stay.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from distrobuild.errors import Problem
from distrobuild.formats import patch_apply
from distrobuild.formats.patch import FileChange, Hunk, Patch
from distrobuild.formats.patch_apply import Applied, PatchDoesNotApply, Placement, Tree

INDEX = re.compile(r"^index ([0-9a-f]+)\.\.([0-9a-f]+)(.*)$")
MOST_FUZZ = 2
"""Context lines that may differ at either end of a hunk: GNU patch's own limit."""


class Fit(StrEnum):
    """How a patch fits a tree, from best to worst."""

    CLEAN = "clean"
    OFFSET = "offset"
    FUZZ = "fuzz"
    UPSTREAM = "already upstream"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Refreshed:
    """What became of one patch: its fit, a detail for people, a conflict's problems, and the new text if any."""

    patch: Patch
    fit: Fit
    detail: str = ""
    problems: tuple[Problem, ...] = ()
    lines: tuple[str, ...] | None = None


def refresh(patch: Patch, text: Sequence[str], tree: Tree) -> Refreshed:
    """Apply `patch`, whose lines are `text`, to `tree` as well as it fits.

    Of a patch that conflicts, those hunks are applied that fit, so that later ones are judged for themselves.
    """
    before = dict(tree)
    try:
        applied = patch_apply.apply(patch, tree)
    except PatchDoesNotApply as conflict:
        if _applies(patch_apply.reversed_patch(patch), before):
            return Refreshed(patch, Fit.UPSTREAM, "the tree holds all of it")
        try:
            applied = patch_apply.apply(patch, tree, fuzz=MOST_FUZZ)
        except PatchDoesNotApply as fuzzy:
            tree.update(fuzzy.rest)
            count = len(conflict.problems)
            return Refreshed(patch, Fit.CONFLICT, f"{count} place{'s' * (count > 1)}", tuple(conflict.problems))
    if applied.fuzz:
        lines = _rewritten(applied, text, before, tree)
        return Refreshed(patch, Fit.FUZZ, f"{applied.fuzz} context lines differ", lines=lines)
    if applied.moved:
        lines = _rewritten(applied, text, before, tree)
        return Refreshed(patch, Fit.OFFSET, f"moved by up to {applied.moved} lines", lines=lines)
    return Refreshed(patch, Fit.CLEAN)


def _applies(patch: Patch, tree: Tree) -> bool:
    try:
        patch_apply.apply(patch, dict(tree))
    except PatchDoesNotApply:
        return False
    return True


def _rewritten(applied: Applied, text: Sequence[str], before: Tree, after: Tree) -> tuple[str, ...]:
    """The patch's lines with hunks and blobs as they are in the tree."""
    hunks = {hunk.line - 1: (change, hunk, placement) for change, hunk, placement in applied.placements}
    starts = {change.line - 1: change for change in applied.patch.changes}
    result: list[str] = []
    grown: dict[str, int] = {}
    change: FileChange | None = None
    at = 0
    while at < len(text):
        change = starts.get(at, change)
        if at in hunks:
            _, hunk, placement = hunks[at]
            assert change is not None
            end = _end_of_body(text, at + 1, len(hunk.body))
            body = _body(hunk, placement, text[at + 1 : end], before.get(change.old or "") or [])
            result += _with_header(hunk, placement, body, grown.get(change.path, 0))
            grown[change.path] = grown.get(change.path, 0) + len(hunk.new) - len(hunk.old)
            at = end
        else:
            match = INDEX.match(text[at])
            result.append(_index(match, change, before, after) if match and change else text[at])
            at += 1
    return tuple(result)


def _end_of_body(text: Sequence[str], at: int, count: int) -> int:
    """Index behind `count` lines of a hunk and the marks of a missing newline among them."""
    while at < len(text) and (count or text[at].startswith("\\")):
        count -= not text[at].startswith("\\")
        at += 1
    return at


def _body(hunk: Hunk, placement: Placement, text: Sequence[str], tree: Sequence[str]) -> list[str]:
    """A hunk's lines, context taken from the tree; context beyond the ends of the file is left out."""
    body = []
    at = placement.index
    for line in text:
        if line.startswith(("+", "\\")):
            body.append(line)
            continue
        if line.startswith("-"):
            body.append(line)
        elif 0 <= at < len(tree) and tree[at] != patch_apply.NEWLINE_MISSING:
            body.append(f" {tree[at]}")
        at += 1
    return body


def _with_header(hunk: Hunk, placement: Placement, body: list[str], grown: int) -> list[str]:
    old = sum(line[0] in " -" for line in body)
    new = sum(line[0] in " +" for line in body)
    # A count of 0 names the line before the place, any other the first line (GNU diffutils, "Detailed Unified").
    first = max(placement.index, 0) + 1
    header = f"@@ -{_range(first - (old == 0), old)} +{_range(first + grown - (new == 0), new)} @@{hunk.section}"
    return [header, *body]


def _range(start: int, count: int) -> str:
    return f"{start}" if count == 1 else f"{start},{count}"


def _index(match: re.Match[str], change: FileChange, before: Mapping[str, list[str] | None], after: Tree) -> str:
    old = _blob(before.get(change.old) if change.old else None, len(match[1]))
    new = _blob(after.get(change.new) if change.new else None, len(match[2]))
    return f"index {old}..{new}{match[3]}"


def _blob(lines: list[str] | None, length: int) -> str:
    """Git's name of a file's contents (gitformat-pack(5)): SHA-1 over `blob SIZE`, a NUL and the bytes."""
    if lines is None:
        return "0" * length
    content = patch_apply.to_content(lines)
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()[:length]
