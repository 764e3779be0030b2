"""KTAP: how the kernel's tests say what they found, on a console among everything else.

Source: Documentation/dev-tools/ktap.rst, version 1. Programs of kselftest print it, and KUnit into the kernel's log,
where each line begins with a time. What is no KTAP is the kernel's own talk and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
"""What printk writes before a line: level, time, and the caller with CONFIG_PRINTK_CALLER."""
PLAN = re.compile(r"(?P<indent> *)1\.\.(?P<count>\d+)(?: +#.*)?")
RESULT = re.compile(
    r"(?P<indent> *)(?P<word>ok|not ok) (?P<number>\d+)(?: -)?(?: (?P<name>[^#]*?))?(?: *# *(?P<note>.*))?"
)
SKIPPED = re.compile(r"SKIP\b[: ]*", re.IGNORECASE)
EXPECTED = re.compile(r"(?:TODO|XFAIL)\b", re.IGNORECASE)


class Outcome(StrEnum):
    """What became of a test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class TestResult:
    """One test. `name` has those of the tests that it is a part of before it, `note` is what stands after `#`."""

    name: str
    outcome: Outcome
    note: str = ""

    __test__ = False


@dataclass(frozen=True)
class Report:
    """The results of all tests that have no parts, in order; and in words what is missing between plan and results."""

    results: tuple[TestResult, ...]
    gaps: tuple[str, ...]

    @property
    def failed(self) -> tuple[TestResult, ...]:
        return tuple(result for result in self.results if result.outcome is Outcome.FAILED)

    @property
    def complete(self) -> bool:
        """Whether there is a result, and as many as every plan announced."""
        return bool(self.results) and not self.gaps


@dataclass
class _Level:
    """The tests that stand equally deep: how many were announced, and those that have no parent yet."""

    planned: int | None = None
    results: list[TestResult] = field(default_factory=list)
    count: int = 0

    def gap(self, whose: str) -> str | None:
        if self.planned is None or self.planned == self.count:
            return None
        return f"{whose}: {self.count} of {self.planned} tests have a result"


def read_ktap(lines: Iterable[str]) -> Report:
    """What a console says of tests. A test that stands deeper is a part of the next one that stands less deep."""
    levels: dict[int, _Level] = {}
    gaps: list[str] = []
    for line in lines:
        text = STAMP.sub("", line.rstrip("\r\n"))
        if match := PLAN.fullmatch(text):
            level = levels.setdefault(len(match["indent"]), _Level())
            # At the outermost level each program has a plan of its own, one after the other.
            level.planned = (level.planned or 0) + int(match["count"]) if not match["indent"] else int(match["count"])
        elif match := RESULT.fullmatch(text):
            depth = len(match["indent"])
            parts, missing = _take_deeper(levels, depth, match["name"] or match["number"])
            gaps += missing
            level = levels.setdefault(depth, _Level())
            level.count += 1
            level.results += _with_parts(match, parts)
    results, missing = _take_deeper(levels, -1, "the run")
    return Report(tuple(results), (*gaps, *missing))


def _take_deeper(levels: dict[int, _Level], depth: int, whose: str) -> tuple[list[TestResult], list[str]]:
    """Results and gaps of all that stands deeper than `depth`, which then is done with."""
    deeper = sorted(each for each in levels if each > depth)
    taken = [levels.pop(each) for each in deeper]
    gaps = [gap for level in taken if (gap := level.gap(whose)) is not None]
    return [result for level in taken for result in level.results], gaps


def _with_parts(match: re.Match[str], parts: list[TestResult]) -> list[TestResult]:
    """The results behind one line: its own, or those of its parts. A failure that no part has stands beside them."""
    name = (match["name"] or match["number"]).strip()
    note = match["note"] or ""
    outcome = _outcome(match["word"], note)
    named = [TestResult(f"{name}: {part.name}", part.outcome, part.note) for part in parts]
    if not named or (outcome is Outcome.FAILED and all(part.outcome is not Outcome.FAILED for part in parts)):
        named.append(TestResult(name, outcome, SKIPPED.sub("", note)))
    return named


def _outcome(word: str, note: str) -> Outcome:
    if SKIPPED.match(note):
        return Outcome.SKIPPED
    if word == "ok" or EXPECTED.match(note):
        return Outcome.PASSED
    return Outcome.FAILED
