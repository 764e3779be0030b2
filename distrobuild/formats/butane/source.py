"""The text of a config as YAML nodes, and the way from the path of a value to its place in the text.

`distrobuild.manifest.yaml_positions` reads manifests, in which `0755` and `no` are mistakes. Here the field decides
what a value means, as it does in Butane, so that the nodes are kept as they were written: text, quotes and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from distrobuild.errors import Location, Problem
from distrobuild.manifest import yaml_positions
from distrobuild.manifest.yaml_positions import KeyPath

Entries: TypeAlias = dict[str, tuple[yaml.Node, yaml.Node]]
"""The nodes of key and value by the text of the key."""

SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LONG_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")
_LAST_CHARACTER = 0x10FFFF
_NULL = ("", "~", "null", "Null", "NULL")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Span:
    """A part of one line; `line` and `column` count from 1, `width` is in characters."""

    line: int
    column: int
    width: int = 1


class Document:
    """One config: its name in messages, its lines, and its YAML."""

    def __init__(self, name: str, text: str, root: yaml.Node | None, problems: tuple[Problem, ...] = ()) -> None:
        self.name = name
        self.lines = _LINE_BREAK.split(text)
        self.root = root
        self.problems = problems
        """Why there is no `root`; none where the text is empty."""
        self.duplicates: list[tuple[yaml.Node, str, int]] = []
        """Keys that stand twice in the mappings looked at so far: where, which, and the line of the first."""
        self._entries: dict[int, Entries] = {}

    def entries(self, mapping: yaml.MappingNode) -> Entries:
        """The keys of a mapping, with those that `<<` brings in."""
        if id(mapping) not in self._entries:
            # Set first, so that a `<<` that leads back to the mapping itself brings in nothing.
            own = self._entries[id(mapping)] = {}
            inherited: Entries = {}
            for key, value in mapping.value:
                if key.tag == f"{_TAG}merge":
                    for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        if isinstance(source, yaml.MappingNode):
                            inherited = {**self.entries(source), **inherited}
                elif (name := _key_text(key)) in own:
                    self.duplicates.append((key, name, own[name][0].start_mark.line + 1))
                else:
                    own[name] = key, value
            for name, entry in inherited.items():
                own.setdefault(name, entry)
        return self._entries[id(mapping)]

    def span(self, path: KeyPath) -> Span:
        """Where the value at `path` stands; of what is not written, the nearest thing above it."""
        *_, last = [None, *self._walk(path)]
        return self.span_of(last) if last is not None else Span(1, 1)

    def span_of(self, node: yaml.Node) -> Span:
        """The place of a node; of one that goes on for several lines, its part of the first."""
        start, end = node.start_mark, node.end_mark
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        stop = end.column if end.line == start.line else len(line.rstrip())
        return Span(start.line + 1, start.column + 1, max(1, stop - start.column))

    def _walk(self, path: KeyPath) -> Iterator[yaml.Node]:
        """The nodes from the root towards `path`, as far as there are any."""
        node = self.root
        if node is not None:
            yield node
        for step in path:
            if isinstance(node, yaml.MappingNode) and isinstance(step, str) and step in self.entries(node):
                node = self.entries(node)[step][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return
            yield node


def parse(source: bytes, name: str) -> Document:
    """The document in `source`; without a root, `problems` say why, and none of them means that it is empty."""
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        return _broken(name, before, "this byte is not UTF-8", "save the file as UTF-8 text")
    try:
        return Document(name, text, yaml.SafeLoader(text).get_single_node())
    except (yaml.YAMLError, RecursionError) as error:
        problems = yaml_positions.parse(text, Path(name)).problems
        if isinstance(error, yaml.reader.ReaderError):
            # Not every line ends with the break that is counted there.
            return _broken(name, text[: error.position], problems[0].message, problems[0].hint, text)
        return Document(name, text, None, problems)
    except (ValueError, OverflowError):
        # PyYAML gives `\UFFFFFFFF` to chr() as it is.
        found = next((each for each in _LONG_ESCAPE.finditer(text) if int(each[1], 16) > _LAST_CHARACTER), None)
        if found is None:
            return _broken(name, "", "not valid YAML: a number in it is out of bounds", None, text)
        hint = "the last character of Unicode is `\\U0010FFFF`"
        return _broken(name, text[: found.start()], "there is no such character", hint, text)


def is_null(node: yaml.Node) -> bool:
    """Whether nothing is written: `key:`, `key: ~` or `key: null`."""
    return isinstance(node, yaml.ScalarNode) and (node.tag == f"{_TAG}null" or (_plain(node) and node.value in _NULL))


def is_binary(node: yaml.ScalarNode) -> bool:
    """Whether the value is marked by `!!binary`."""
    return bool(node.tag == f"{_TAG}binary")


def is_quoted(node: yaml.ScalarNode) -> bool:
    """Whether the value is a text by the way it is written: in quotes, or as a block."""
    return not _plain(node) and node.tag == f"{_TAG}str"


def _plain(node: yaml.ScalarNode) -> bool:
    return node.style is None


def _key_text(key: yaml.Node) -> str:
    return SURROGATE.sub("\ufffd", key.value) if isinstance(key, yaml.ScalarNode) else "(not a text)"


def _broken(name: str, before: str, message: str, hint: str | None, text: str | None = None) -> Document:
    """A document without a root because of what stands behind the text `before`."""
    lines = _LINE_BREAK.split(before)
    place = Location(Path(name), len(lines), len(lines[-1]) + 1)
    return Document(name, text if text is not None else before, None, (Problem(place, message, hint),))
