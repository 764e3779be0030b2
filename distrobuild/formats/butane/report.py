"""What is found in a config: errors, which leave it without a result, and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats.butane.source import SURROGATE, Document, Span
from distrobuild.manifest.yaml_positions import KeyPath


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Message:
    """One finding: where, both as a path of keys and as a place in the text, and what to do about it."""

    severity: Severity
    path: KeyPath
    span: Span
    text: str
    hint: str | None = field(default=None, compare=False)

    @property
    def dotted(self) -> str:
        """The path as Butane writes it: `$.storage.files.0.path`."""
        return ".".join(["$", *map(str, self.path)])


class Report:
    """Collects the messages about one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        # A dictionary instead of a set: it keeps the order.
        self._messages: dict[Message, None] = {}
        self._settled: list[KeyPath] = []

    @property
    def messages(self) -> list[Message]:
        """All of them, in the order of the text."""
        return sorted(self._messages, key=lambda message: (message.span.line, message.span.column))

    @property
    def errors(self) -> list[Message]:
        """Those that leave the config without a result."""
        return [message for message in self.messages if message.severity is Severity.ERROR]

    def error(self, path: KeyPath, text: str, hint: str | None = None, *, span: Span | None = None) -> None:
        """Something is wrong with the value at `path`; `span` is its place where it has no node of its own."""
        self._add(Severity.ERROR, path, text, hint, span)

    def warning(self, path: KeyPath, text: str, hint: str | None = None, *, span: Span | None = None) -> None:
        """Something is odd about the value at `path`."""
        self._add(Severity.WARNING, path, text, hint, span)

    def adopt(self, messages: list[Message]) -> None:
        """Take over what another report of the same document found."""
        self._messages.update(dict.fromkeys(messages))

    def settle(self) -> None:
        """A step of the translation ends here: later ones say nothing of values that have an error now.

        What the later steps could find there follows from the first error, and only hides it.
        """
        self._settled = [
            message.path for message in self._messages if message.path and message.severity is Severity.ERROR
        ]

    def _add(self, severity: Severity, path: KeyPath, text: str, hint: str | None, span: Span | None) -> None:
        if any(path[: len(settled)] == settled for settled in self._settled):
            return
        # A text of the config may stand in either, and not every one can be printed.
        text, hint = SURROGATE.sub("\ufffd", text), hint and SURROGATE.sub("\ufffd", hint)
        self._messages[Message(severity, path, span or self.document.span(path), text, hint)] = None


class InvalidButane(InvalidInput):
    """A config that cannot be translated; `report` holds all that was found, warnings too."""

    def __init__(self, report: Report) -> None:
        path = Path(report.document.name)
        problems = [
            Problem(Location(path, message.span.line, message.span.column), message.text, message.hint)
            for message in report.errors
        ]
        super().__init__(problems)
        self.report = report
