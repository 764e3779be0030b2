"""A series is brought to a newer tree: each patch is judged, and those that moved fit exactly afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

from distrobuild.formats import patch_apply
from distrobuild.formats.patch import parse, split_lines
from distrobuild.formats.patch_apply import Tree
from distrobuild.formats.patch_refresh import Fit, Refreshed, refresh

TEXT = """\
Subject: [PATCH] f: E and T

Signed-off-by: A <a@example.org>
---
 f | 5 +++--

diff --git a/f b/f
index 0000000000000000000000000000000000000001..0000000000000000000000000000000000000002 100644
--- a/f
+++ b/f
@@ -2,7 +2,8 @@ start
 b
 c
 d
-e
+E
+EE
 f
 g
 h
@@ -17,7 +18,7 @@
 q
 r
 s
-t
+T
 u
 v
 w
"""
OLD = list("abcdefghijklmnopqrstuvwxyz")


def refreshed(tree: Tree) -> Refreshed:
    return refresh(parse(TEXT, Path("p")), split_lines(TEXT), tree)


def git_applies(folder: Path, content: bytes, text: str) -> bytes:
    """The result of git's own, strict application."""
    (folder / "f").write_bytes(content)
    subprocess.run(["git", "apply", "--unidiff-zero", "-C3"], cwd=folder, input=text.encode(), check=True)
    return (folder / "f").read_bytes()


def test_a_patch_that_fits_is_clean_and_not_rewritten() -> None:
    result = refreshed({"f": OLD.copy()})
    assert (result.fit, result.lines) == (Fit.CLEAN, None)


def test_an_offset_is_written_into_the_hunks_and_nothing_else_changes(tmp_path: Path) -> None:
    before = ["0", *OLD[:12], "-", "-", *OLD[12:]]
    tree: Tree = {"f": before.copy()}
    result = refreshed(tree)
    assert (result.fit, result.detail) == (Fit.OFFSET, "moved by up to 3 lines")
    assert result.lines is not None
    expected = TEXT.replace("@@ -2,7 +2,8 @@ start", "@@ -3,7 +3,8 @@ start").replace("-17,7 +18,7", "-20,7 +21,7")
    differing = [(a, b) for a, b in zip(split_lines(expected), result.lines, strict=True) if a != b]
    assert [a.split(" ")[0] for a, _ in differing] == ["index"]
    content = patch_apply.to_content(before)
    assert git_applies(tmp_path, content, "\n".join(result.lines) + "\n") == patch_apply.to_content(tree["f"] or [])


def test_the_index_line_names_the_blobs_as_git_does(tmp_path: Path) -> None:
    tree: Tree = {"f": ["0", *OLD]}
    lines = refreshed(tree).lines or ()
    (tmp_path / "f").write_bytes(patch_apply.to_content(tree["f"] or []))
    blob = subprocess.run(["git", "hash-object", "f"], cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    (index,) = [line for line in lines if line.startswith("index ")]
    assert index.endswith(f"..{blob.strip()} 100644")


def test_fuzz_takes_the_context_from_the_tree() -> None:
    tree: Tree = {"f": ["a", "B!", *OLD[2:]]}
    result = refreshed(tree)
    assert result.fit is Fit.FUZZ
    again = parse("\n".join(result.lines or ()), Path("p"))
    applied = patch_apply.apply(again, {"f": ["a", "B!", *OLD[2:]]})
    assert (applied.fuzz, applied.moved) == (0, 0)


def test_a_patch_that_the_tree_holds_already_is_upstream() -> None:
    tree: Tree = {"f": OLD.copy()}
    patch_apply.apply(parse(TEXT, Path("p")), tree)
    after = dict(tree)
    result = refreshed(tree)
    assert result.fit is Fit.UPSTREAM
    assert tree == after


def test_a_conflict_names_each_place() -> None:
    tree: Tree = {"f": [letter.replace("e", "X").replace("t", "Y") for letter in OLD]}
    before = dict(tree)
    result = refreshed(tree)
    assert result.fit is Fit.CONFLICT
    assert [problem.location.line for problem in result.problems] == [11, 21]
    assert "expected `e`, found `X`" in result.problems[0].message
    assert tree == before


def test_what_fits_of_a_conflict_is_applied_so_that_later_patches_are_judged_for_themselves() -> None:
    whole: Tree = {"f": OLD.copy()}
    patch_apply.apply(parse(TEXT, Path("p")), whole)
    tree: Tree = {"f": [letter.replace("e", "X") for letter in OLD]}
    result = refreshed(tree)
    assert [problem.location.line for problem in result.problems] == [11]
    assert tree["f"] is not None
    assert whole["f"] is not None
    assert tree["f"][-10:] == whole["f"][-10:] != OLD[-10:]
