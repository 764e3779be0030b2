"""Reads and writes kernel configurations: fragments that ask for symbols, and the `.config` that came of them.

The syntax is that of `.config` (Documentation/kbuild/kconfig.rst of the kernel): `CONFIG_NAME=VALUE`, where VALUE
is `y`, `m`, a number or a quoted string, and `# CONFIG_NAME is not set`, which equals `CONFIG_NAME=n`. Symbols are
named without `CONFIG_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import InvalidInput, Location, Problem

SET = re.compile(r"^CONFIG_([A-Za-z0-9_]+)=(.*)$")
NOT_SET = re.compile(r"^# CONFIG_([A-Za-z0-9_]+) is not set$")
VALUE = re.compile(r'^(?:[ymn]|-?\d+|0x[0-9A-Fa-f]+|"(?:[^"\\]|\\.)*")$')
NEARLY_NOT_SET = re.compile(r"^#\s*CONFIG_[A-Za-z0-9_]+\s+(?:is\s+)?not\s+set\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """One line of a fragment: the symbol, the value asked for (`n` if not set), and where that stands."""

    symbol: str
    value: str
    location: Location

    def __str__(self) -> str:
        return line(self.symbol, self.value)


def line(symbol: str, value: str) -> str:
    """The line of a `.config` that gives `symbol` its `value`."""
    return f"# CONFIG_{symbol} is not set" if value == "n" else f"CONFIG_{symbol}={value}"


def quote(text: str) -> str:
    """`text` as the value of a string symbol."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_fragment(text: str, path: Path) -> tuple[Setting, ...]:
    """What a fragment asks for, in order; raise `InvalidInput` with every line that is neither setting nor comment."""
    settings: dict[str, Setting] = {}
    problems = []
    for number, raw in enumerate(text.splitlines(), start=1):
        location = Location(path, number)
        content = raw.strip()
        match = SET.match(content)
        symbol, value = (match[1], match[2]) if match else (None, "n")
        if match is None and (unset := NOT_SET.match(content)):
            symbol = unset[1]
        if symbol is None:
            if mistake := _mistake(content):
                problems.append(Problem(location, *mistake))
        elif not VALUE.match(value):
            hint = 'y, m, n, a number, or a string in double quotes: CONFIG_NAME="text"'
            problems.append(Problem(location, f"`{value}` is no value of CONFIG_{symbol}", hint))
        elif symbol in settings:
            where = settings[symbol].location.line
            problems.append(Problem(location, f"CONFIG_{symbol} is set already in line {where}", "keep one of the two"))
        else:
            settings[symbol] = Setting(symbol, value, location)
    if problems:
        raise InvalidInput(problems)
    return tuple(settings.values())


def _mistake(content: str) -> tuple[str, str] | None:
    """What is wrong with a line that sets nothing; None for a comment or an empty line."""
    if NEARLY_NOT_SET.match(content):
        return "looks like a symbol that is not set, but to kconfig it is a comment", "write `# CONFIG_NAME is not set`"
    if not content or content.startswith("#"):
        return None
    return f"`{content}` sets no symbol", "a line reads `CONFIG_NAME=VALUE` or `# CONFIG_NAME is not set`"


def read_fragment(path: Path, shown: Path | None = None) -> tuple[Setting, ...]:
    """Parse the fragment in the file `path`; errors and locations name it `shown`."""
    return parse_fragment(path.read_text(encoding="utf-8"), shown or path)


def merge(fragments: Iterable[Iterable[Setting]]) -> dict[str, Setting]:
    """What all fragments together ask for, by symbol: a later fragment wins over an earlier one."""
    merged: dict[str, Setting] = {}
    for setting in (setting for fragment in fragments for setting in fragment):
        merged.pop(setting.symbol, None)  # so that the order is that in which the winners stand
        merged[setting.symbol] = setting
    return merged


def overlay(text: str, requested: Iterable[str], lines: Iterable[str]) -> str:
    """A `.config` of `text` with the symbols in `requested` replaced by `lines`."""
    symbols = set(requested)
    matches = ((line, SET.match(line) or NOT_SET.match(line)) for line in text.splitlines())
    kept = [line for line, match in matches if match is None or match[1] not in symbols]
    return "".join(f"{line}\n" for line in [*kept, *lines])


def parse_config(text: str) -> dict[str, str]:
    """Values of a `.config` by symbol. A symbol that is not set is absent, as one that does not exist is."""
    return {match[1]: match[2] for match in map(SET.match, text.splitlines()) if match}


def mentioned(text: str) -> set[str]:
    """The symbols that a `.config` sets or says are not set; those that cannot be set at all are missing."""
    return {match[1] for line in text.splitlines() if (match := SET.match(line) or NOT_SET.match(line))}


def lost(requested: Iterable[Setting], config: Mapping[str, str]) -> list[tuple[Setting, str]]:
    """The settings that the finished configuration does not honour, each with the value it has instead."""
    values = ((setting, config.get(setting.symbol, "n")) for setting in requested)
    return [(setting, got) for setting, got in values if got != setting.value]
