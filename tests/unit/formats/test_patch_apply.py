"""Hunks go exactly where they belong, and one that has no place is explained."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distrobuild.formats import patch_apply
from distrobuild.formats.patch import parse
from distrobuild.formats.patch_apply import PatchDoesNotApply, to_content, to_lines

PATH = Path("0001.patch")
PATCH = parse(
    """\
--- a/f
+++ b/f
@@ -3,5 +3,6 @@
 c
 d
-e
+E
+EE
 f
 g
""",
    PATH,
)
FILE = list("abcdefgh")


def test_an_exact_patch_changes_exactly_its_lines() -> None:
    tree = {"f": FILE.copy()}
    applied = patch_apply.apply(PATCH, tree)
    assert tree["f"] == ["a", "b", "c", "d", "E", "EE", "f", "g", "h"]
    assert (applied.moved, applied.fuzz) == (0, 0)


@pytest.mark.parametrize(("before", "moved"), [(["x"] * 7 + FILE, 7), (FILE[2:], 2)])
def test_a_hunk_that_moved_is_found_and_its_offset_told(before: list[str], moved: int) -> None:
    applied = patch_apply.apply(PATCH, {"f": before})
    assert applied.moved == moved


def test_of_two_places_the_nearer_one_is_taken() -> None:
    tree = {"f": [*"cdefg", *"----", *"cdefg"]}
    nearer_the_second = replace(PATCH.changes[0], hunks=(replace(PATCH.changes[0].hunks[0], old_start=8),))
    patch_apply.apply(replace(PATCH, changes=(nearer_the_second,)), tree)
    assert tree["f"] == [*"cdefg", *"----", "c", "d", "E", "EE", "f", "g"]


def test_context_that_differs_stops_the_patch_and_shows_both_lines() -> None:
    tree = {"f": [*"abcXefgh"]}
    with pytest.raises(PatchDoesNotApply) as caught:
        patch_apply.apply(PATCH, tree)
    (problem,) = caught.value.problems
    assert str(problem.location) == "0001.patch:3:1"
    assert problem.message == "hunk 1 does not apply to f: at line 4 expected `d`, found `X`"
    assert tree == {"f": [*"abcXefgh"]}


def test_fuzz_is_taken_only_on_request() -> None:
    tree = {"f": [*"abXdefgh"]}
    with pytest.raises(PatchDoesNotApply):
        patch_apply.apply(PATCH, tree)
    applied = patch_apply.apply(PATCH, tree, fuzz=1)
    assert applied.fuzz == 1
    assert tree["f"] == ["a", "b", "X", "d", "E", "EE", "f", "g", "h"]


def test_fuzz_never_ignores_a_line_that_is_changed() -> None:
    with pytest.raises(PatchDoesNotApply):
        patch_apply.apply(PATCH, {"f": [*"abcdXfgh"]}, fuzz=2)


def test_a_patch_that_fails_in_one_file_leaves_the_others_alone() -> None:
    both = parse("--- a/g\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n", PATH)
    tree = {"g": ["a"], "f": ["z"]}
    with pytest.raises(PatchDoesNotApply):
        patch_apply.apply(both, tree)
    assert tree == {"g": ["a"], "f": ["z"]}


@pytest.mark.parametrize(
    ("text", "tree", "reason"),
    [
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", {}, "f is not in the tree"),
        ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n", {"f": ["a"]}, "f is to be made but is already there"),
        ("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", {"f": ["a", "b"]}, "f is to be deleted but holds lines"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", {"f": []}, "none of its lines stand there any more"),
    ],
)
def test_the_reason_names_what_is_in_the_way(text: str, tree: patch_apply.Tree, reason: str) -> None:
    with pytest.raises(PatchDoesNotApply, match=reason):
        patch_apply.apply(parse(text, PATH), tree)


def test_the_reverse_of_a_patch_undoes_it() -> None:
    tree = {"f": FILE.copy()}
    patch_apply.apply(PATCH, tree)
    patch_apply.apply(patch_apply.reversed_patch(PATCH), tree)
    assert tree == {"f": FILE}


@given(st.binary(max_size=60))
def test_any_content_survives_being_taken_apart(content: bytes) -> None:
    assert to_content(to_lines(content)) == content


lines = st.lists(st.sampled_from(["a", "b", "", "-- ", "+x", "@@ -1 +1 @@", "\\"]), max_size=12)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=lines, after=lines, ends=st.tuples(st.booleans(), st.booleans()))
def test_what_git_diffs_is_applied_to_the_byte(
    tmp_path: Path, before: list[str], after: list[str], ends: tuple[bool, bool]
) -> None:
    contents = []
    for folder, side, end in (("a", before, ends[0]), ("b", after, ends[1])):
        text = "\n".join(side) + ("\n" if end and side else "")
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "f").write_text(text)
        contents.append(text.encode())
    command = ["git", "diff", "--no-index", "--no-color", "--no-prefix", "a/f", "b/f"]
    diff = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout.decode()
    if not diff:
        return
    tree: patch_apply.Tree = {"f": to_lines(contents[0])}
    applied = patch_apply.apply(parse(diff, PATH), tree)
    assert to_content(tree["f"] or []) == contents[1]
    assert (applied.moved, applied.fuzz) == (0, 0)
