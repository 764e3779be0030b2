"""JSON is written as Go writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distrobuild.formats.ignition import to_text

VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=10,
)


@given(VALUES, st.booleans())
@settings(deadline=None, derandomize=True)
def test_what_is_written_is_read_again(value: Any, pretty: bool) -> None:
    assert json.loads(to_text(value, pretty=pretty)) == value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('a"\\/\n\r\t', r'"a\"\\/\n\r\t"'),
        ("<&>", r'"\u003c\u0026\u003e"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\x00\x08\x0c\x1f\x7f", '"\\u0000\\u0008\\u000c\\u001f\x7f"'),
        ("äß€😀", '"äß€😀"'),
    ],
)
def test_texts(text: str, written: str) -> None:
    assert to_text(text) == written


def test_compact_text_has_no_spaces() -> None:
    assert to_text({"a": [1, True, "x"], "b": {"c": False}}) == '{"a":[1,true,"x"],"b":{"c":false}}'


def test_pretty_text_is_indented_by_two_spaces_and_empty_values_stay_short() -> None:
    assert to_text({"a": [1, {}], "b": [], "c": {}}, pretty=True) == (
        '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": [],\n  "c": {}\n}'
    )
