"""The text of an Ignition config: JSON as Go writes it, so that two programs' configs can be compared byte by byte.

Go's `encoding/json` writes no space after `,` and `:`, keeps what is not ASCII, and escapes three characters of HTML
and two line separators that JavaScript stumbles over. The order of keys is the caller's: Ignition's own order is that
of its structs, which is alphabetical, but for `ignition` first and what a file, a directory and a link have in common
(`group`, `overwrite`, `path`, `user`) before the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json]"
"""What an Ignition config is made of: it has no null and no fractions."""

INDENT = "  "

_ESCAPED = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_text(value: Json, *, pretty: bool = False) -> str:
    """`value` as JSON without a line break at its end: compact, or `pretty` with two spaces per level."""
    return _text(value, "\n" if pretty else "", ": " if pretty else ":")


def _text(value: Json, line: str, colon: str) -> str:
    """`line` is the line break with the indentation of the line that `value` stands in; empty: all in one line."""
    inner = line and line + INDENT
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _string(value)
        case Mapping():
            members = [f"{_string(name)}{colon}{_text(member, inner, colon)}" for name, member in value.items()]
            return f"{{{inner}{f',{inner}'.join(members)}{line}}}" if members else "{}"
    items = [_text(item, inner, colon) for item in value]
    return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"


def _string(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found[0], f"\\u{ord(found[0]):04x}"), text) + '"'
