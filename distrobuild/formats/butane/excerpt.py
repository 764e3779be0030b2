"""Messages as people read them: the lines in question, with a mark below the place.

error[$.storage.files.0.path]: path not absolute
  --> config.bu:5:14
   |
 3 | storage:
 4 |   files:
 5 |     - {path: a, contents: {inline: x}}
   |              ^
   = hint: write `/a`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from distrobuild.formats.butane.report import Message
from distrobuild.formats.butane.source import Document

BEFORE, AFTER = 2, 1
"""How many lines around the one in question are shown."""
WIDTH = 160
"""A longer line is shown in part."""

Style: TypeAlias = Callable[[str, str], str]
"""Colours a text; the second argument says what it is: `error`, `warning`, `frame`, `mark` or `hint`."""


def plain(text: str, role: str) -> str:
    """No colours."""
    return text


def render(message: Message, document: Document, style: Style = plain) -> str:
    """One message, without a line break at its end."""
    place = message.span
    path = f"[{message.dotted}]" if message.path else ""
    written = len(document.lines) - (not document.lines[-1])
    first, last = max(1, place.line - BEFORE), max(place.line, min(written, place.line + AFTER))
    gutter = len(str(last))
    edge = style(f" {'':{gutter}} |", "frame")
    lines = [
        f"{style(f'{message.severity}{path}', message.severity)}: {message.text}",
        f"{style(f' {chr(32) * gutter}-->', 'frame')} {document.name}:{place.line}:{place.column}",
    ]
    if place.line <= len(document.lines):
        lines.append(edge)
        for number in range(first, last + 1):
            text = document.lines[number - 1]
            # The place stands in the first third of what is shown of its line.
            start = max(0, min(place.column - WIDTH // 3, len(text) - WIDTH)) if number == place.line else 0
            lines.append(f"{style(f' {number:>{gutter}} |', 'frame')} {_window(text, start)}".rstrip())
            if number == place.line:
                lines.append(f"{edge} {_mark(text, start, message, style)}")
    if message.hint:
        lines.append(f"{style(f' {chr(32) * gutter} =', 'frame')} {style('hint', 'hint')}: {message.hint}")
    return "\n".join(lines)


def _window(text: str, start: int) -> str:
    """At most `WIDTH` characters of a line, from `start` on; `...` where something is left out."""
    shown = text[start : start + WIDTH]
    return f"{'...' * (start > 0)}{shown}{'...' * (start + WIDTH < len(text))}"


def _mark(text: str, start: int, message: Message, style: Style) -> str:
    """The marks below a line. A tab stays a tab, so that they stand where they should."""
    before = text[start : message.span.column - 1].ljust(message.span.column - 1 - start)
    padding = "".join("\t" if character == "\t" else " " for character in before)
    width = max(1, min(message.span.width, start + WIDTH - message.span.column + 1))
    return f"{' ' * 3 * (start > 0)}{padding}{style('^' * width, 'mark')}"
