# SPDX-License-Identifier: Apache-2.0
"""What the library has opened for a program, until it is closed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from mlos_dataplane.library import fail


class Opened:
    """A handle of the library's, and a context manager that closes it."""

    def __init__(self, handle: int | None, close: Callable[[int], object], what: str, place: str | int | None) -> None:
        """`what` it is, in messages; `place` it was to be opened at. Raises what `fail` makes of a handle of 0."""
        self._handle = handle or None
        self._close, self._what = close, what
        if self._handle is None:
            raise fail(place)

    def handle(self) -> int:
        """The library's. Raises ValueError once it is closed."""
        if self._handle is None:
            raise ValueError(f"{self._what} is closed")
        return self._handle

    def close(self) -> None:
        """Leave in good order. Once is enough, more do no harm."""
        handle, self._handle = self._handle, None
        if handle:
            self._close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
