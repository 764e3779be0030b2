"""Whatever a user writes, the answer is a manifest or problems with places, never a traceback."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distrobuild.errors import InvalidInput, Problem
from distrobuild.manifest.loader import load
from distrobuild.manifest.yaml_positions import parse

from .conftest import GOOD_LINES

GOOD = "\n".join(GOOD_LINES) + "\n"
MANIFEST = Path("distro.yaml")

SURPRISES = [
    "~", "[]", "{}", "[", "}", "&a", "*a", "!x", "!!int ", "|", '"', "\t", "0x_", ".nan", "1e9", "no", "2026-01-01",
    "1:30", "=", "- ", ": ", "? ", "<<: ", "\n", "  ", "\n---\n", "server", "../..", "\x00", "\ufeff",
]  # fmt: skip
FRAGMENTS = st.one_of(st.sampled_from(SURPRISES), st.text(max_size=4))
"""What makes YAML surprising, and now and then anything at all."""

ANY_NUMBER_OF_TIMES = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@ANY_NUMBER_OF_TIMES
def test_any_text_is_read_or_refused(text: str) -> None:
    document = parse(text, MANIFEST)
    for problem in document.problems:
        assert problem.location.line >= 1
        assert problem.location.column >= 1


def problems(overrides: list[str]) -> list[Problem]:
    try:
        load([MANIFEST], overrides)
    except InvalidInput as error:
        return error.problems
    return []


@given(st.integers(0, len(GOOD)), st.integers(0, 12), FRAGMENTS)
@ANY_NUMBER_OF_TIMES
def test_any_damage_to_a_manifest_is_told_with_places(project: Path, start: int, length: int, new: str) -> None:
    (project / MANIFEST).write_bytes((GOOD[:start] + new + GOOD[start + length :]).encode("utf-8", "surrogatepass"))
    assert all(problem.message for problem in problems([]))


KEY_WORDS = st.sampled_from(["targets", "box", "kernels", "acme-6.12", "source", "users", "tests", "name"])


@given(st.lists(st.one_of(KEY_WORDS, FRAGMENTS), max_size=5), FRAGMENTS)
@ANY_NUMBER_OF_TIMES
def test_any_set_argument_is_applied_or_refused(project: Path, words: list[str], value: str) -> None:
    assert all(problem.message for problem in problems([f"{'.'.join(words)}={value}"]))
