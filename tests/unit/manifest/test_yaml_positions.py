"""What YAML says, where it says it, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import Location
from distrobuild.manifest.yaml_positions import (
    Document,
    YamlNode,
    find,
    key_location,
    parse,
    scalars,
    value_location,
)

PATH = Path("x.yaml")
TEXT = """\
# comment
name: acme
list:
  - one
  - key: "two"
flow: {a: 1, b: [2, 3.5]}
"""


def document(text: str) -> Document:
    return parse(text, PATH)


def root(text: str) -> YamlNode:
    result = document(text)
    assert result.problems == ()
    assert result.root is not None
    return result.root


def messages(text: str) -> list[str]:
    return [str(problem) for problem in document(text).problems]


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 2, 1),
        (("name",), 2, 7),
        (("list",), 4, 3),
        (("list", 0), 4, 5),
        (("list", 1, "key"), 5, 10),
        (("flow", "b", 1), 6, 21),
    ],
)
def test_every_value_knows_its_place(path: tuple[str | int, ...], line: int, column: int) -> None:
    assert value_location(root(TEXT), path) == Location(PATH, line, column)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [(("name",), 2, 1), (("list",), 3, 1), (("list", 1, "key"), 5, 5), (("flow", "b"), 6, 14), (("flow", "c"), 6, 1)],
)
def test_every_key_knows_its_place_and_what_is_absent_that_of_the_key_above(
    path: tuple[str | int, ...], line: int, column: int
) -> None:
    assert key_location(root(TEXT), path) == Location(PATH, line, column)


def test_plain_data_is_what_yaml_says() -> None:
    assert root(TEXT).plain() == {"name": "acme", "list": ["one", {"key": "two"}], "flow": {"a": 1, "b": [2, 3.5]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", False),
        ("'no'", "no"),
        ("1.10", 1.1),
        ('"1.10"', "1.10"),
        ("1.0.0", "1.0.0"),
        ("0x10", 16),
        ("22:30", 1350),
        ("~", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("20260101T000000Z", "20260101T000000Z"),
        ("!!str 5", "5"),
        ("=", "="),
        ("0x_", "0x_"),
    ],
)
def test_a_scalar_is_read_as_yaml_reads_it_but_nothing_is_a_date(text: str, value: object) -> None:
    node = find(root(f"key: {text}"), ("key",))
    assert node is not None
    assert node.plain() == value
    assert type(node.plain()) is type(value)


def test_a_scalar_keeps_how_it_was_written() -> None:
    assert [scalar.text for scalar in scalars(root("[1.10, no, 'x', 1_000]"))] == ["1.10", "no", "x", "1_000"]


def test_an_alias_stands_for_the_value_at_its_anchor() -> None:
    tree = root("a: &x {k: 1}\nb: *x\n")
    assert tree.plain() == {"a": {"k": 1}, "b": {"k": 1}}
    assert value_location(tree, ("b", "k")) == Location(PATH, 1, 11)


def test_a_merge_key_takes_over_what_is_not_there_and_the_first_source_wins() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 3, <<: [*a, *b]}\n"
    tree = root(text)
    assert find(tree, ("c",)).plain() == {"x": 3, "y": 1, "z": 2}  # type: ignore[union-attr]
    assert value_location(tree, ("c", "z")) == Location(PATH, 2, 17)


MISTAKES = {
    "a: 1\nb: 2\na: 3\n": ["x.yaml:3:1: key `a` stands twice; the first one is in line 1\n  hint: remove one"],
    "a: {b: 1, b: 2}\nno: 1\n": [
        "x.yaml:1:11: key `b` stands twice; the first one is in line 1\n  hint: remove one",
        'x.yaml:2:1: YAML reads the key `no` as a boolean\n  hint: write it in quotes: "no"',
    ],
    "1: a\n": ['x.yaml:1:1: YAML reads the key `1` as a number\n  hint: write it in quotes: "1"'],
    "? [a]\n: 1\n": ["x.yaml:1:3: a key must be a text, not a list or a mapping"],
    "a: !!python/object:os.system {}\n": [
        "x.yaml:1:4: the tag `!!python/object:os.system` has no meaning here\n  hint: remove the tag"
    ],
    "a: !secret x\n": ["x.yaml:1:4: the tag `!secret` has no meaning here\n  hint: remove the tag"],
    "a: !!int x\n": ["x.yaml:1:4: `x` is no `!!int`\n  hint: remove the tag"],
    "a: !!int\n": ["x.yaml:1:4: `` is no `!!int`\n  hint: remove the tag"],
    "a: !!bool x\n": ["x.yaml:1:4: `x` is no `!!bool`\n  hint: remove the tag"],
    "a: &a [*a]\n": [
        "x.yaml:1:4: an alias inside stands for the whole, which would never end\n  hint: remove the alias"
    ],
    "a: {<<: 1}\n": ["x.yaml:1:9: `<<` takes a mapping or a list of mappings"],
    "a: b: c\n": [
        "x.yaml:1:5: not valid YAML: `:` is not expected here\n"
        "  hint: check the indentation, or put the value in quotes"
    ],
    "a: 1\nb\nc: 2\n": ["x.yaml:2:1: not valid YAML: a `:` is missing after the key\n  hint: write `key: value`"],
    "a: [1,\nb: 2\n": [
        "x.yaml:3:1: not valid YAML: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence "
        "of line 1)"
    ],
    'a: "open\n': [
        "x.yaml:2:1: not valid YAML: found unexpected end of stream (while scanning a quoted scalar of line 1)"
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_at_its_place(text: str) -> None:
    assert messages(text) == MISTAKES[text]


def test_what_can_be_read_is_read_beside_a_mistake() -> None:
    result = document("a: 1\na: 2\nb: !x 3\nno: 4\n")
    assert len(result.problems) == 3
    assert result.root is not None
    assert result.root.plain() == {"a": 1, "b": "3"}


def test_an_escape_that_names_no_character_has_a_place() -> None:
    assert messages('a: 1\nb: "\\U00110000"\n')[0].startswith("x.yaml:2:7: this escape names no character")
