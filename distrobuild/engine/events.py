"""The one event stream of a build. The terminal, JSON lines, CI annotations and the report are readers of it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias


@dataclass(frozen=True)
class Event:
    """Base of all events; `time` is unix time in seconds."""

    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class BuildStarted(Event):
    """`stages` will be run, in this order at the earliest; `cached` are already in the store."""

    target: str
    stages: tuple[str, ...]
    cached: tuple[str, ...]


@dataclass(frozen=True)
class Note(Event):
    """Something the user should know that is no error."""

    text: str


@dataclass(frozen=True)
class StageStarted(Event):
    """`expected` is how long it took the last time, in seconds, if it ever ran."""

    stage: str
    expected: float | None


@dataclass(frozen=True)
class StageLine(Event):
    """One line of a stage's log."""

    stage: str
    text: str


@dataclass(frozen=True)
class StageFinished(Event):
    """`seconds` it took, `bytes` of output, `key` in the store."""

    stage: str
    key: str
    seconds: float
    bytes: int


@dataclass(frozen=True)
class StageFailed(Event):
    """What went wrong, the last lines of the log, where all of it is, and a command that does it again."""

    stage: str
    message: str
    tail: tuple[str, ...]
    log: str
    reproduction: str | None


@dataclass(frozen=True)
class BuildFinished(Event):
    """The end; `seconds` since the start."""

    target: str
    succeeded: bool
    seconds: float


Reader: TypeAlias = Callable[[Event], None]


class Stream:
    """Hands every event to every reader."""

    def __init__(self, *readers: Reader) -> None:
        self.readers = list(readers)

    def __call__(self, event: Event) -> None:
        for reader in self.readers:
            reader(event)


def as_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object; `event` is its kind."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


class JsonLines:
    """Writes one JSON object per line, flushed at once so that a killed build leaves what it did."""

    def __init__(self, path: Path) -> None:
        self.stream = path.open("a", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        self.stream.write(json.dumps(as_json(event)) + "\n")
        self.stream.flush()


class GitHubAnnotations:
    """Workflow commands: a group per stage, an error annotation for a failure.

    Format: GitHub's "Workflow commands for GitHub Actions"; `%`, CR and LF are percent-encoded in messages.
    """

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self.stream = stream

    @staticmethod
    def wanted() -> bool:
        """Whether this process runs in a GitHub workflow."""
        return os.environ.get("GITHUB_ACTIONS") == "true"

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageFailed):
            text = "\n".join([event.message, *event.tail])
            escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            print(f"::error title=stage {event.stage} failed::{escaped}", file=self.stream, flush=True)
        elif isinstance(event, Note):
            print(f"::notice::{event.text}", file=self.stream, flush=True)
