"""A mapping of a config: its values, and the path of each in the source, which is where a message about it points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from distrobuild.formats.butane.schema import Field, Struct
from distrobuild.formats.ignition import Json
from distrobuild.manifest.yaml_positions import KeyPath


@dataclass(frozen=True)
class Entry:
    """A text in a list."""

    value: str
    origin: KeyPath


@dataclass
class Section:
    """A mapping, by Butane's names. `origin` is its path in the source, `origins` that of values that moved."""

    struct: Struct
    origin: KeyPath
    values: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, KeyPath] = field(default_factory=dict)

    def at(self, name: str) -> KeyPath:
        """The path of a value in the source, whether it is there or not."""
        return self.origins.get(name, (*self.origin, name))

    def set(self, name: str, value: Value, origin: KeyPath) -> None:
        """Give a field a value that comes from elsewhere."""
        self.values[name] = value
        self.origins[name] = origin

    def drop(self, name: str) -> None:
        """Take a field away."""
        self.values.pop(name, None)

    def text(self, name: str) -> str | None:
        """A text, None where there is none."""
        return self._get(name, str)

    def number(self, name: str) -> int | None:
        """A number, None where there is none."""
        return self._get(name, int)

    def flag(self, name: str) -> bool | None:
        """A flag, None where there is none."""
        return self._get(name, bool)

    def section(self, name: str) -> Section:
        """A mapping; an empty one where there is none."""
        return self._get(name, Section) or Section(_struct(self.struct.find(name)), self.at(name))

    def sections(self, name: str) -> list[Section]:
        """A list of mappings."""
        return [each for each in self._get(name, list) or [] if isinstance(each, Section)]

    def entries(self, name: str) -> list[Entry]:
        """A list of texts."""
        return [each for each in self._get(name, list) or [] if isinstance(each, Entry)]

    def walk(self) -> Iterator[Section]:
        """The mapping itself and all within it, in Ignition's order."""
        yield self
        for each in self.struct.fields:
            value = self.values.get(each.name)
            for section in value if isinstance(value, list) else [value]:
                if isinstance(section, Section):
                    yield from section.walk()

    def _get(self, name: str, kind: type[T]) -> T | None:
        value = self.values.get(name)
        return value if isinstance(value, kind) else None


Value: TypeAlias = "str | int | bool | Section | list[Section] | list[Entry]"
T = TypeVar("T", str, int, bool, Section, "list[Section] | list[Entry]")


def to_ignition(section: Section) -> dict[str, Json]:
    """What Ignition reads of `section`: its keys, in its order, without what is empty."""
    result: dict[str, Json] = {}
    for each in section.struct.fields:
        if each.own:
            continue
        value = _plain(section.values.get(each.name))
        if each.always:
            result[each.json] = value if value is not None else ""
        elif value is not None and not (each.nonzero and value == 0):
            result[each.json] = value
    return result


def _plain(value: Value | None) -> Json | None:
    """A value without its origin; None for what is empty, but an empty text is something."""
    match value:
        case Section():
            return to_ignition(value) or None
        case list():
            return [to_ignition(each) if isinstance(each, Section) else each.value for each in value] or None
    return value


def _struct(found: Field | None) -> Struct:
    assert found is not None
    assert isinstance(found.kind, Struct)
    return found.kind
