"""The syntax of systemd's unit files, as far as Ignition looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST_LINE = 2048
"""Ignition's parser takes no longer line, in bytes, though systemd itself does by now."""


@dataclass
class UnitFile:
    """The sections that have an option in them, and what is wrong, None if nothing is."""

    sections: set[str] = field(default_factory=set)
    problem: str | None = None


def parse(text: str) -> UnitFile:
    """Read a unit file up to its first mistake. What stands before its first section is passed over."""
    unit = UnitFile()
    lines = enumerate(text.split("\n"), start=1)
    section: str | None = None
    for number, line in lines:
        words = line.strip()
        unit.problem = _problem(words, section) if len(line.encode()) <= LONGEST_LINE else "is too long"
        if unit.problem:
            unit.problem = f"line {number} {unit.problem}"
            return unit
        if words.startswith("["):
            section = words[1:-1]
        elif words and section is not None:
            if words[0] not in "#;":
                unit.sections.add(section)
            _skip_continuation(line, lines)
    return unit


def _problem(words: str, section: str | None) -> str | None:
    """What is wrong with a line."""
    if words.startswith("["):
        _, bracket, rest = words.partition("]")
        if not bracket:
            return "has a `[` without a `]`"
        return f"has `{rest.strip()}` behind the section" if rest else None
    if section is None or not words or words[0] in "#;" or "=" in words:
        return None
    return "has an option without a `=`"


def _skip_continuation(line: str, lines: Iterator[tuple[int, str]]) -> None:
    """A line goes on after a `\\` at its end; a comment does too, to Ignition."""
    while line.endswith("\\"):
        _, line = next(lines, (0, ""))
