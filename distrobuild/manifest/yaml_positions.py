"""YAML as a tree that remembers where every key and every value stands.

`parse` never stops at the first mistake of a readable file: it returns what could be read together with
every problem. A tree of a second file or of a `--set` argument can be merged into another one, and each
value still knows the place it came from (`distrobuild.manifest.merge`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from distrobuild.errors import Location, Problem

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists, from the root."""

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""What JSON can say as well."""

Locate: TypeAlias = Callable[[yaml.Mark], Location]


@dataclass(frozen=True)
class YamlScalar:
    """A single value; `text` is how it was written, without quotes."""

    location: Location
    value: str | int | float | bool | None
    text: str

    def plain(self) -> Plain:
        """The value without positions."""
        return self.value


@dataclass(frozen=True)
class YamlSequence:
    """A list."""

    location: Location
    items: tuple[YamlNode, ...]

    def plain(self) -> Plain:
        """The list without positions."""
        return [item.plain() for item in self.items]


@dataclass(frozen=True)
class YamlMapping:
    """Keys and values, in the order in which they were written; `keys` says where each key stands."""

    location: Location
    entries: dict[str, YamlNode] = field(default_factory=dict)
    keys: dict[str, Location] = field(default_factory=dict)

    def plain(self) -> Plain:
        """The mapping without positions."""
        return {name: value.plain() for name, value in self.entries.items()}


YamlNode: TypeAlias = YamlScalar | YamlSequence | YamlMapping


@dataclass(frozen=True)
class Document:
    """What `parse` found: the tree (None: nothing readable) and every problem of the text."""

    root: YamlNode | None
    problems: tuple[Problem, ...]


def parse(text: str, path: Path, locate: Locate | None = None) -> Document:
    """Read one YAML document from `text`; `path` names it in problems.

    `locate` says where a mark of PyYAML stands; by default line and column of `path`.
    """
    reader = _Reader(locate or (lambda mark: Location(path, mark.line + 1, mark.column + 1)))
    return reader.read(text)


def read(path: Path) -> Document:
    """Parse the file at `path`. Raises OSError when it cannot be read."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        location = Location(path, before.count(b"\n") + 1, column)
        return Document(None, (Problem(location, "this byte is not UTF-8", "save the file as UTF-8 text"),))
    return parse(text, path)


def find(root: YamlNode | None, path: KeyPath) -> YamlNode | None:
    """The value at `path`, or None where the tree has none."""
    node = root
    for step in path:
        if isinstance(node, YamlMapping) and isinstance(step, str):
            node = node.entries.get(step)
        elif isinstance(node, YamlSequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def key_location(root: YamlNode, path: KeyPath) -> Location:
    """Where the key that `path` ends with stands; of what is not written, the nearest thing above it."""
    for length in range(len(path), 0, -1):
        parent, last = find(root, path[: length - 1]), path[length - 1]
        if isinstance(parent, YamlMapping) and last in parent.keys:
            return parent.keys[str(last)]
        if isinstance(parent, YamlSequence) and (item := find(parent, (last,))):
            return item.location
    return root.location


def value_location(root: YamlNode, path: KeyPath) -> Location:
    """Where the value at `path` stands; of what is not written, the nearest key above it."""
    node = find(root, path)
    return node.location if node is not None else key_location(root, path)


class _Reader:
    """Turns PyYAML's nodes into ours and collects problems on the way."""

    def __init__(self, locate: Locate) -> None:
        self.locate = locate
        self.problems: list[Problem] = []
        self.open: list[yaml.Node] = []

    def read(self, text: str) -> Document:
        try:
            # No object is ever constructed through this loader except from scalars that YAML itself defines.
            self.loader = yaml.SafeLoader(text)
            node = self.loader.get_single_node()
            root = None if node is None else self.convert(node)
        except yaml.MarkedYAMLError as error:
            self.problems.append(self.syntax_problem(error))
            root = None
        except yaml.reader.ReaderError as error:
            self.problems.append(self.character_problem(error, text))
            root = None
        except (ValueError, OverflowError):  # PyYAML asks for the character of any number that follows `\U`
            place = self.locate(self.loader.get_mark())
            self.problems.append(Problem(place, "this escape names no character", "the last one is \\U0010FFFF"))
            root = None
        except RecursionError:
            self.problems.append(Problem(self.locate(_START), "lists and mappings are nested too deeply"))
            root = None
        return Document(root, tuple(self.problems))

    def convert(self, node: yaml.Node) -> YamlNode:
        if node in self.open:
            self.add(node, "an alias inside stands for the whole, which would never end", "remove the alias")
            return YamlScalar(self.locate(node.start_mark), None, "")
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node)
            if isinstance(node, yaml.SequenceNode):
                self.expect_tag(node, "seq")
                return YamlSequence(self.locate(node.start_mark), tuple(self.convert(item) for item in node.value))
            assert isinstance(node, yaml.ScalarNode)
            return self.scalar(node)
        finally:
            self.open.pop()

    def mapping(self, node: yaml.MappingNode) -> YamlMapping:
        self.expect_tag(node, "map")
        result = YamlMapping(self.locate(node.start_mark))
        merged = YamlMapping(result.location)
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                self.merge_key(merged, value)
                continue
            name = self.key_name(key)
            if name is None:
                continue
            if name in result.entries:
                first = result.keys[name]
                self.add(key, f"key `{name}` stands twice; the first one is in line {first.line}", "remove one")
                continue
            result.entries[name] = self.convert(value)
            result.keys[name] = self.locate(key.start_mark)
        for name, inherited in merged.entries.items():
            if name not in result.entries:
                result.entries[name] = inherited
                result.keys[name] = merged.keys[name]
        return result

    def merge_key(self, into: YamlMapping, value: yaml.Node) -> None:
        """`<<: *anchor` or `<<: [*first, *second]`: keys that are not there yet are taken over."""
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            mapping = self.convert(source)
            if not isinstance(mapping, YamlMapping):
                self.add(value, "`<<` takes a mapping or a list of mappings")
                continue
            for name, node in mapping.entries.items():
                into.entries.setdefault(name, node)
                into.keys.setdefault(name, mapping.keys[name])

    def key_name(self, key: yaml.Node) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self.add(key, "a key must be a text, not a list or a mapping")
            return None
        scalar = self.scalar(key)
        if isinstance(scalar.value, str):
            return scalar.value
        self.add(key, f"YAML reads the key `{scalar.text}` as {kind_of(scalar)}", quoting_hint(scalar.text))
        return None

    def scalar(self, node: yaml.ScalarNode) -> YamlScalar:
        location, text, kind = self.locate(node.start_mark), node.value, node.tag.removeprefix(_TAG)
        value: str | int | float | bool | None = text
        try:
            match kind:
                case "null":
                    value = None
                case "bool":
                    value = bool(self.loader.construct_yaml_bool(node))
                case "int":
                    value = int(self.loader.construct_yaml_int(node))
                case "float":
                    value = float(self.loader.construct_yaml_float(node))
                # Nothing here is a date: `2026-01-01` stays the text that was written.
                case "timestamp" | "value" | "merge":
                    pass
                case _:
                    self.expect_tag(node, "str")
        except (ValueError, LookupError):
            # `!!int foo` is a mistake; `0x_` only looks like a number to YAML's own pattern, and is a text.
            implicit = self.loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
            if node.tag != implicit:
                self.add(node, f"`{text}` is no `!!{kind}`", "remove the tag")
        return YamlScalar(location, value, text)

    def expect_tag(self, node: yaml.Node, kind: str) -> None:
        if node.tag != f"{_TAG}{kind}":
            tag = node.tag.replace(_TAG, "!!")
            self.add(node, f"the tag `{tag}` has no meaning here", "remove the tag")

    def add(self, node: yaml.Node, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(self.locate(node.start_mark), message, hint))

    def syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark or _START
        problem = error.problem or "not YAML"
        message, hint = problem, None
        if "'\\t'" in problem:
            message, hint = "a tab stands here", "YAML is indented by spaces"
        elif "but found another document" in problem:
            message, hint = "a second document begins here", "write one document per file, without `---` in between"
        elif problem == "mapping values are not allowed here":
            message, hint = "`:` is not expected here", "check the indentation, or put the value in quotes"
        elif problem.startswith("could not find expected ':'"):
            message, hint = "a `:` is missing after the key", "write `key: value`"
            mark = error.context_mark or mark
        elif problem.startswith("found undefined alias"):
            message, hint = problem, "a text that begins with `*` needs quotes"
        elif error.context and error.context_mark and error.context_mark.line != mark.line:
            message = f"{problem} ({error.context} of line {error.context_mark.line + 1})"
        return Problem(self.locate(mark), f"not valid YAML: {message}", hint)

    def character_problem(self, error: yaml.reader.ReaderError, text: str) -> Problem:
        before = text[: error.position]
        line, column = before.count("\n"), error.position - (before.rfind("\n") + 1)
        mark = yaml.Mark("", error.position, line, column, None, 0)
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return Problem(self.locate(mark), f"the character U+{code:04X} is not allowed in YAML", "remove it")


def kind_of(node: YamlNode | None) -> str:
    """What a person would call the value: `a number`, `a list`, ..."""
    match node:
        case YamlMapping():
            return "a mapping"
        case YamlSequence():
            return "a list"
        case YamlScalar(value=bool()):
            return "a boolean"
        case YamlScalar(value=int() | float()):
            return "a number"
        case YamlScalar(value=str()):
            return "a text"
    return "nothing"


def quoting_hint(text: str) -> str:
    """What to write where YAML 1.1 sees more than a text in `1.10`, `no` or `22:30`."""
    return f'write it in quotes: "{text}"'


def scalars(node: YamlNode) -> Iterator[YamlScalar]:
    """Every single value of a tree, in order."""
    match node:
        case YamlScalar():
            yield node
        case YamlSequence():
            for item in node.items:
                yield from scalars(item)
        case YamlMapping():
            for value in node.entries.values():
                yield from scalars(value)


_TAG = "tag:yaml.org,2002:"
_START = yaml.Mark("", 0, 0, 0, None, 0)
