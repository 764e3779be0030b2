"""Problems of any model in the user's words: one for each mistake, whatever pydantic makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, StringConstraints

from distrobuild.manifest.validation import validate
from distrobuild.manifest.values import Model
from distrobuild.manifest.yaml_positions import parse


def _even(text: str) -> str:
    if len(text) % 2:
        raise ValueError(f"`{text}` has an odd length")
    return text


Even = Annotated[str, AfterValidator(_even)]


class Box(Model):
    """A model with what the manifest does not have: a union without forms, a rule of its own, a bound on length."""

    content: tuple[Even | dict[str, Even], ...] = ()
    label: Annotated[str, StringConstraints(min_length=3)] = "box"
    count: int = 1


def messages(text: str) -> list[str]:
    root = parse(text, Path("box.yaml")).root
    assert root is not None
    model, problems = validate(Box, root)
    assert (model is None) == bool(problems)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("text", ["{}", "content: [ab, {k: cd}]", "label: boxes"])
def test_what_is_right_has_no_problem(text: str) -> None:
    assert messages(text) == []


MISTAKES = {
    "content: [[x]]": ["box.yaml:1:11: `content[0]` must be a text or a mapping by name, not a list"],
    "content: [5]": [
        "box.yaml:1:11: `content[0]` must be a text or a mapping by name, but YAML reads `5` as a number\n"
        '  hint: write it in quotes: "5"'
    ],
    "content: [abc]": ["box.yaml:1:11: `abc` has an odd length"],
    "content: [{k: abc}]": ["box.yaml:1:15: `abc` has an odd length"],
    "content: [{k: [ab]}]": ["box.yaml:1:15: `content[0].k` must be a text, not a list"],
    "content: [abc, [x]]": [
        "box.yaml:1:11: `abc` has an odd length",
        "box.yaml:1:16: `content[1]` must be a text or a mapping by name, not a list",
    ],
    "label: ab": ["box.yaml:1:8: `label`: string should have at least 3 characters"],
    "count: '2'": ["box.yaml:1:8: `count` must be a whole number, not a text\n  hint: write it without quotes"],
    "count: two": ["box.yaml:1:8: `count` must be a whole number, not a text"],
    "cuont: 2": ["box.yaml:1:1: unknown key `cuont`\n  hint: did you mean `count`?"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_one_mistake_is_one_problem(text: str) -> None:
    assert messages(text) == MISTAKES[text]
