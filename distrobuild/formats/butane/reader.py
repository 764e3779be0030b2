"""Reads a document by the declared fields: unknown keys are warnings, values of the wrong kind are errors.

A value means what its field says, as in Butane: `0755` is an octal number where a number belongs, and the text `0755`
where a text does; `no` is false only where a flag belongs.
"""

from __future__ import annotations

import re

import yaml

from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.schema import Field, Kind, Struct, Version
from distrobuild.formats.butane.section import Entry, Section, Value
from distrobuild.formats.butane.source import SURROGATE, Document, is_binary, is_null, is_quoted
from distrobuild.manifest.suggestion import hint
from distrobuild.manifest.yaml_positions import KeyPath

_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_OCTAL = re.compile(r"([-+]?)0[oO]?([0-7]+)")
_RANGE = range(-(2**63), 2**63)
"""What a number of Ignition holds."""
_DIGITS = 100
"""No number in that range is longer, in any base."""
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
# The booleans of YAML 1.1. Butane takes them where a flag belongs, in quotes as well.
_YES = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
_NO = {"n", "N", "no", "No", "NO", "off", "Off", "OFF"}


def read(document: Document, struct: Struct, version: Version, report: Report) -> Section:
    """The whole config. What cannot be read is left out of it, with an error in `report`."""
    reader = _Reader(document, version, report)
    section = Section(struct, ())
    if document.root is not None:
        section = reader.section(document.root, struct, ()) or section
    for key, name, first in document.duplicates:
        text = f"key `{name}` stands twice; the first one is in line {first}"
        report.error((), text, "remove one", span=document.span_of(key))
    return section


class _Reader:
    def __init__(self, document: Document, version: Version, report: Report) -> None:
        self.document = document
        self.version = version
        self.report = report

    def section(self, node: yaml.Node, struct: Struct, path: KeyPath) -> Section | None:
        """A mapping; None and an error where `node` is none."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(path, "a mapping", node)
            return None
        section = Section(struct, path)
        for name, (key, value) in self.document.entries(node).items():
            field = struct.find(name)
            if field is None or field.since > self.version:
                self.unused(name, field, struct, (*path, name), key)
            elif not is_null(value) and (found := self.value(value, field, (*path, name))) is not None:
                section.values[name] = found
        return section

    def unused(self, name: str, field: Field | None, struct: Struct, path: KeyPath, key: yaml.Node) -> None:
        if field is not None:
            advice = f"`{name}` needs `version: {'.'.join(map(str, field.since))}`"
        else:
            advice = hint(name, [each.name for each in struct.known(self.version)], otherwise="known here")
        self.report.warning(path, f"unused key {name}", advice, span=self.document.span_of(key))

    def value(self, node: yaml.Node, field: Field, path: KeyPath) -> Value | None:
        """The value of a field; None where it cannot be read."""
        if not field.many:
            if isinstance(field.kind, Struct):
                return self.section(node, field.kind, path)
            return self.single(node, field.kind, path)
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(path, "a list", node)
            return None
        if isinstance(field.kind, Struct):
            sections = [self.section(item, field.kind, place) for place, item in self.items(node, path)]
            return [section for section in sections if section is not None]
        texts = [(self.single(item, field.kind, place), place) for place, item in self.items(node, path)]
        return [Entry(value, place) for value, place in texts if isinstance(value, str)]

    def items(self, node: yaml.SequenceNode, path: KeyPath) -> list[tuple[KeyPath, yaml.Node]]:
        """The items of a list with their paths. Butane passes over the empty ones in silence."""
        items = [((*path, index), item) for index, item in enumerate(node.value)]
        for place, item in items:
            if is_null(item):
                self.report.warning(place, "nothing stands in this item of the list; it is left out", "remove the item")
        return [(place, item) for place, item in items if not is_null(item)]

    def single(self, node: yaml.Node, kind: Kind, path: KeyPath) -> str | int | bool | None:
        """A text, a number or a flag; None and an error where `node` is none."""
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(path, kind.value, node)
            return None
        if is_binary(node):
            self.report.error(path, "`!!binary` is not supported", "put the bytes in a file, and name it by `local`")
            return None
        if SURROGATE.search(node.value):
            self.report.error(path, "the text has a character that does not exist", "write it as it is, or as `\\U...`")
            return None
        match kind:
            case Kind.TEXT:
                return str(node.value)
            case Kind.FLAG:
                return self.flag(node, path)
        return self.number(node, path)

    def flag(self, node: yaml.ScalarNode, path: KeyPath) -> bool | None:
        if node.value in _YES | _NO:
            return node.value in _YES
        if node.value in _TRUE | _FALSE and not is_quoted(node):
            return node.value in _TRUE
        self.wrong(path, Kind.FLAG.value, node)
        return None

    def number(self, node: yaml.ScalarNode, path: KeyPath) -> int | None:
        written = node.value.replace("_", "")
        if is_quoted(node) or not _NUMBER.fullmatch(written):
            self.wrong(path, Kind.NUMBER.value, node)
            return None
        octal = _OCTAL.fullmatch(written)
        # Python itself refuses to read decimal numbers of thousands of digits.
        if len(written) <= _DIGITS:
            value = int(octal[1] + octal[2], 8) if octal else int(written, 0)
            if value in _RANGE:
                return value
        self.report.error(path, f"the number {_short(node.value)} is out of range")
        return None

    def wrong(self, path: KeyPath, wanted: str, node: yaml.Node) -> None:
        """Say what belongs here, and what stands here."""
        match node:
            case yaml.MappingNode():
                found = "a mapping"
            case yaml.SequenceNode():
                found = "a list"
            case _:
                found = f"the text `{_short(node.value)}`" if node.value else "nothing"
        self.report.error(path, f"{wanted} belongs here, not {found}", _advice(wanted, node))


def _advice(wanted: str, node: yaml.Node) -> str | None:
    if isinstance(node, yaml.MappingNode):
        return "begin each item with `- `" if wanted == "a list" else None
    if wanted != Kind.NUMBER.value or not isinstance(node, yaml.ScalarNode):
        return None
    if is_quoted(node) and _NUMBER.fullmatch(node.value):
        return "remove the quotes"
    return (
        "a number that begins with 0 is octal, and has no digit above 7" if re.fullmatch(r"0\d+", node.value) else None
    )


def _short(text: str, limit: int = 40) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= limit and line == text else f"{line[:limit]}..."
