"""The errors that distrobuild raises on purpose.

Library code raises them; only `distrobuild.cli` turns them into text and an exit code.
Anything else that reaches the user is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class DistrobuildError(Exception):
    """Something the user can understand and act on: what is wrong, and a `hint` what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


@dataclass(frozen=True, order=True)
class Location:
    """A place in a text file; `line` and `column` count from 1."""

    path: Path
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a user's file, as an editor can jump to it."""

    location: Location
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.location}: {self.message}"
        return text if self.hint is None else f"{text}\n  hint: {self.hint}"


class InvalidInput(DistrobuildError):
    """A file the user wrote is wrong; carries every problem found in one pass."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
