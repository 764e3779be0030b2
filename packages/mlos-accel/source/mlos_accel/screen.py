# SPDX-License-Identifier: Apache-2.0
"""Where the text goes: how wide it is, whether it knows colours and which characters."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TextIO

RESET = "\x1b[0m"
STYLES = {"dim": "\x1b[2m", "bold": "\x1b[1m", "ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m"}
NARROWEST = 40


@dataclass(frozen=True)
class Screen:
    """A terminal, or a file, which takes lines of any length."""

    columns: int | None = None
    colour: bool = False
    unicode: bool = True

    def styled(self, text: str, style: str) -> str:
        """The text in a style of `STYLES`; as it is where there are no colours, or no such style."""
        return f"{STYLES[style]}{text}{RESET}" if self.colour and style in STYLES else text


def of(stream: TextIO) -> Screen:
    """The screen behind a stream. NO_COLOR (https://no-color.org) and TERM=dumb mean none."""
    terminal = stream.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
    return Screen(
        columns=max(NARROWEST, shutil.get_terminal_size().columns) if terminal else None,
        colour=terminal and not plain,
        unicode=(stream.encoding or "").lower().replace("-", "") == "utf8",
    )


def standard() -> Screen:
    """That of the standard output."""
    return of(sys.stdout)


def cut(text: str, width: int, *, unicode: bool = True) -> str:
    """The text in at most so many columns, with an ellipsis where something is left out."""
    if len(text) <= width:
        return text
    mark = "…" if unicode else "~"
    return text[: max(0, width - 1)] + mark
