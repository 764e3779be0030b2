"""What makes a program in Python write the same bytes every time, where it knows nothing of SOURCE_DATE_EPOCH.

The clock stands still (what waits for something reads time.monotonic()), and folders are walked in order.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator
from typing import Any


def _fix_clock(epoch: int) -> None:
    class FixedDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> FixedDatetime:
            return cls.fromtimestamp(epoch, tz)

    time.time = lambda: float(epoch)
    time.time_ns = lambda: epoch * 10**9
    setattr(datetime, "datetime", FixedDatetime)  # noqa: B010 - a type checker would not have it assigned


def _in_order(walk: Callable[..., Iterator[tuple[Any, list[Any], list[Any]]]]) -> Callable[..., Any]:
    def ordered(*arguments: Any, **named: Any) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        for parent, folders, files in walk(*arguments, **named):
            folders.sort()
            yield parent, folders, sorted(files)

    return ordered


if "SOURCE_DATE_EPOCH" in os.environ:
    _fix_clock(int(os.environ["SOURCE_DATE_EPOCH"]))
    os.walk = _in_order(os.walk)
