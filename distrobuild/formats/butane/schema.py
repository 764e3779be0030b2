"""How the fields of a config are declared: `distrobuild.formats.butane.fields` says which there are.

A field's key in Butane is in snake_case; its key in Ignition's JSON follows from it. Fields stand in the order in
which Ignition writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

FIRST = (1, 0, 0)
"""The first version of variant `flatcar`."""

Version = tuple[int, int, int]


class Kind(Enum):
    """What a single value is."""

    TEXT = "a text"
    NUMBER = "a whole number"
    FLAG = "true or false"


@dataclass(frozen=True)
class Field:
    """One key of a mapping."""

    name: str
    kind: Kind | Struct
    many: bool = False
    """A list of such values."""
    since: Version = FIRST
    """The first version that knows it."""
    own: bool = False
    """Butane's own: used up by the translation, not written to Ignition."""
    always: bool = False
    """Ignition writes it even if it is empty."""
    nonzero: bool = False
    """Ignition writes no zero."""
    repeats: bool = False
    """The same entry may stand in the list twice."""
    shared: str = ""
    """Lists of one mapping with the same word here may not name the same thing."""

    @property
    def json(self) -> str:
        """The key in Ignition: `size_mib` is `sizeMiB`."""
        first, *rest = self.name.split("_")
        return first + "".join("MiB" if word == "mib" else word.capitalize() for word in rest)


@dataclass(frozen=True, eq=False)
class Struct:
    """A mapping: its fields, and those of them that tell two entries of a list apart (the first that is not empty)."""

    name: str
    fields: tuple[Field, ...]
    identity: tuple[str, ...] = ()

    def find(self, name: str) -> Field | None:
        """The field with this key."""
        return next((field for field in self.fields if field.name == name), None)

    def known(self, version: Version) -> Iterator[Field]:
        """The fields that `version` has."""
        return (field for field in self.fields if field.since <= version)
