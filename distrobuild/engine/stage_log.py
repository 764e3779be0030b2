"""The log of a running stage: a file with every line, and the last lines at hand."""

from __future__ import annotations

import errno
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from distrobuild.sandbox.sandbox import TAIL_LINES

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class StageLog:
    """Writes lines to `path` at once. A context manager.

    On a full disk lines are lost instead of an error raised: the stage's own failure is what the user must hear of.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._tail)

    def write(self, line: str) -> None:
        """Add a line, given without its end."""
        self._tail.append(line)
        try:
            self._file.write(f"{line}\n".encode())
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
