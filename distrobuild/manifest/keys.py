"""The keys of a model: what can be written where, read from the JSON Schema that pydantic makes of it.

`explain`, the reference, `did you mean` and the dotted keys of `--set` all walk the same `Key`s, so that none
of them can know a key, a type or a default that the loader does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel

from distrobuild.errors import DistrobuildError
from distrobuild.manifest import suggestion
from distrobuild.manifest.values import MEANINGS
from distrobuild.manifest.yaml_positions import KeyPath

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, draft 2020-12."""

ANY = "*"
"""Stands in a path for a name that the user chooses."""
ITEM = "[]"
"""Stands in a path for an item of a list."""


class UnknownKey(DistrobuildError):
    """A dotted key that the model does not have."""

    exit_code = 2


_NULL: Schema = {"type": "null"}


@dataclass(frozen=True)
class Key:
    """One key, or a form of its value: its path, its JSON Schema, whether it must be written."""

    path: tuple[str, ...]
    schema: Schema
    definitions: Schema
    required: bool = False

    @property
    def value(self) -> Schema:
        """The schema of what is written: references followed, the `null` of an optional key left out."""
        schema = self.schema
        while True:
            if "$ref" in schema:
                schema = self.definitions[schema["$ref"].rpartition("/")[2]]
            elif len(others := [each for each in schema.get("anyOf", ()) if each != _NULL]) == 1:
                schema = others[0]
            else:
                return schema

    @property
    def documentation(self) -> str:
        """What the key is for: the docstring of its field, else that of its class."""
        return " ".join(str(self.schema.get("description", self.value.get("description", ""))).split())

    @property
    def meaning(self) -> str:
        """What kind of thing the value is: the docstring of its class, if it has one."""
        return " ".join(str(self.value.get("description", "")).split())

    @property
    def default(self) -> Any:
        """The value where nothing is written; None where there is none."""
        return self.schema.get("default")

    @property
    def forms(self) -> list[Key]:
        """The ways to write the value, if it can be written in more than one."""
        alternatives: list[Schema] = self.value.get("oneOf") or self.value.get("anyOf") or []
        return [Key(self.path, each, self.definitions) for each in alternatives if each != _NULL]

    @property
    def outline(self) -> str:
        """What at least is written: `{git: ..., commit: ...}` of a mapping, else the only value there is."""
        if "const" in self.value:
            return str(self.value["const"])
        return "{" + ", ".join(f"{name}: ..." for name, child in self.children.items() if child.required) + "}"

    @property
    def item(self) -> Key | None:
        """What stands in the list, if the value is one or can be written as one."""
        lists = (form.value["items"] for form in (self, *self.forms) if "items" in form.value)
        items = next(lists, None)
        return Key((*self.path, ITEM), items, self.definitions) if items is not None else None

    @property
    def named(self) -> Key | None:
        """What stands behind each name, if the value is a mapping whose keys the user chooses."""
        schemas = list(self.value.get("patternProperties", {}).values()) or [self.value.get("additionalProperties")]
        return Key((*self.path, ANY), schemas[0], self.definitions) if isinstance(schemas[0], dict) else None

    @property
    def children(self) -> dict[str, Key]:
        """The keys that can be written inside, by name, whatever the form."""
        if self.forms:
            children: dict[str, Key] = {}
            for form in self.forms:
                for name, child in form.children.items():
                    children[name] = children[name]._or(child) if name in children else child
            return children
        required = self.value.get("required", ())
        properties = self.value.get("properties", {})
        return {
            name: Key((*self.path, name), schema, self.definitions, name in required)
            for name, schema in properties.items()
        }

    @property
    def choices(self) -> list[Any]:
        """The values that can be written, where only certain ones can."""
        return self.value.get("enum") or ([self.value["const"]] if "const" in self.value else [])

    def _or(self, other: Key) -> Key:
        """The key, which another form has as well: of lists with other choices, all that can stand in one of them."""
        if self.schema == other.schema or self.item is None or other.item is None:
            return other
        choices = list(dict.fromkeys([*self.item.choices, *other.item.choices]))
        description = f"{self.documentation} {other.documentation}"
        schema = {"description": description, "type": "array", "items": {"enum": choices}}
        return Key(self.path, schema, self.definitions, self.required and other.required)

    @property
    def inner(self) -> list[Key]:
        """The next keys below, of every kind."""
        return [*self.children.values(), *(each for each in (self.named, self.item) if each is not None)]

    @property
    def type(self) -> str:
        """What is to be written, in words: `a list of names`."""
        return _words(self)

    @property
    def shape(self) -> str | None:
        """What a text must look like, in words; None where any will do."""
        meaning = MEANINGS.get(self.value.get("pattern", ""))
        return meaning[1] if meaning else None

    def __str__(self) -> str:
        return dotted(self.path)


@cache
def root_of(model: type[BaseModel]) -> Key:
    """The key that stands for the whole file."""
    schema = model.model_json_schema()
    return Key((), schema, schema.get("$defs", {}), required=True)


def dotted(path: KeyPath) -> str:
    """`("targets", "ubuntu", "users", 0, "name")` as `targets.ubuntu.users[0].name`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step == ITEM:
            text += step
        else:
            text += f".{step}" if text else step
    return text


def walk(key: Key) -> Iterator[Key]:
    """Every key below `key`, each before its own."""
    for inner in key.inner:
        yield inner
        yield from walk(inner)


def lookup(key: Key, path: KeyPath) -> Key | None:
    """The key at a path with real names and positions, below `key`."""
    current: Key | None = key
    for step in path:
        if current is None:
            return None
        current = current.item if isinstance(step, int) else current.children.get(step, current.named)
    return current


def resolve(key: Key, text: str) -> tuple[tuple[str, ...], Key]:
    """Read a dotted key such as `kernels.mlos-6.12.source`: the names as they were written, and what they lead to.

    A dot between two digits belongs to the name, as do all dots in double quotes. Raises `UnknownKey`.
    """
    words = tuple(word.replace('"', "") for word in _SEPARATOR.split(text.replace(ITEM, "")))
    for match in _matches(key, words):
        return match
    raise _unknown(key, words)


_SEPARATOR = re.compile(r"""\.(?! (?<=\d\.) \d) (?= [^"]* (?: "[^"]*" [^"]* )* $)""", re.VERBOSE)


def _steps(key: Key, words: Sequence[str]) -> Iterator[tuple[str, Key, Sequence[str]]]:
    """Each way to go one key down: its name, the key, the words that are left. `kernel.org` is one key of two words."""
    for length in range(1, len(words) + 1):
        name = ".".join(words[:length])
        if name in key.children:
            yield name, key.children[name], words[length:]
    if key.named is not None and words and words[0]:
        yield words[0], key.named, words[1:]


def _matches(key: Key, words: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Key]]:
    if not words:
        yield (), key
        return
    if key.item is not None:
        yield from _matches(key.item, words)
    for name, child, rest in _steps(key, words):
        for names, found in _matches(child, rest):
            yield (name, *names), found


def _unknown(key: Key, words: Sequence[str]) -> UnknownKey:
    """Go down as far as there are keys, and speak of the word that is none."""
    while True:
        while key.item is not None:
            key = key.item
        step = next(_steps(key, words), None)
        if step is None:
            break
        _, key, words = step
    inside = f" in `{key}`" if key.path else ""
    hint = suggestion.hint(words[0], key.children, otherwise="the keys there are") if key.children else None
    return UnknownKey(f"there is no key `{words[0]}`{inside}", hint=hint)


def _words(key: Key) -> str:
    schema = key.value
    if key.forms:
        return " or ".join(dict.fromkeys(form.type for form in key.forms))
    if key.item is not None:
        return f"a list of {_plural(key.item.type)}"
    if key.named is not None:
        return "a mapping by name"
    return suggestion.quoted(map(str, key.choices), last=" or ") or _plain_words(schema)


def _plain_words(schema: Schema) -> str:
    match schema.get("type"):
        case "object":
            return "a mapping"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    return MEANINGS.get(schema.get("pattern", ""), ("a text", ""))[0]


def _bounds(schema: Schema) -> str:
    if "minimum" in schema:
        return f" of at least {schema['minimum']}"
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']}"
    return ""


def _plural(words: str) -> str:
    """`a name` as `names`, `a number above 0` as `numbers above 0`; what stands in quotes stays as it is."""
    article, _, rest = words.partition(" ")
    if article not in {"a", "an"}:
        return words
    return re.sub(r"(?= (?:of|with|by|above) )|$", "s", rest, count=1)
