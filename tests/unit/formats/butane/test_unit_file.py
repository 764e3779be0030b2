"""Unit files are read as Ignition reads them. The answers are those of `ignition-validate` 2.14.0."""

from __future__ import annotations

import pytest

from distrobuild.formats.butane.unit_file import LONGEST_LINE, parse


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", set()),
        ("nothing but text", set()),
        ("a=b\n[Unit]\nA=b", {"Unit"}),
        ("[Unit]\n", set()),
        ("[Unit]\n[Install]\nWantedBy=x\n", {"Install"}),
        ("[Unit]\n# c\n; d\n  A = b  \n=x\n\n[Install] \n\tA=b", {"Unit", "Install"}),
        ("[Unit]\r\nA=b\r\n", {"Unit"}),
        ("[]\nA=b", {""}),
        ("[Unit]\nA=b\\\n c\n", {"Unit"}),
        ("[Unit]\nA=b\\\n[Install]\nB=c", {"Unit"}),
        ("[Unit]\n# a\\\n[Install]\nB=c", {"Unit"}),
        ("[Unit]\nA=b\\", {"Unit"}),
        ("[Unit]\n" + "A=" + "x" * 1000 + "\\\n" + "x" * 1500, {"Unit"}),
        ("# [Install]\n", set()),
    ],
)
def test_sections_with_options_are_found(text: str, sections: set[str]) -> None:
    unit = parse(text)
    assert unit.problem is None
    assert unit.sections == sections


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[Unit", "line 1 has a `[` without a `]`"),
        ("[Unit]\nA=b\n[Install] x", "line 3 has `x` behind the section"),
        ("[Unit][Install]", "line 1 has `[Install]` behind the section"),
        ("[Unit]\nfoo", "line 2 has an option without a `=`"),
        ("[Unit]\nfoo # bar\nx=y", "line 2 has an option without a `=`"),
        ("[Unit]\nA=b\\\n#c\nd", "line 4 has an option without a `=`"),
        ("[Unit]\nA=" + "x" * LONGEST_LINE, "line 2 is too long"),
        ("[Unit]\n#" + "é" * LONGEST_LINE, "line 2 is too long"),
    ],
)
def test_the_first_mistake_is_named(text: str, problem: str) -> None:
    assert parse(text).problem == problem
