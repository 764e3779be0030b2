"""Patches are checked whole before a tree is unpacked, and every mistake is found at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.formats import patch

PATH = Path("patches/0001.patch")
MESSAGE = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A <a@example.org>
Subject: [PATCH] lib: Count to
 three

Because two is not enough.

Origin: vendor
Signed-off-by: A <a@example.org>
---
 count | 3 ++-
 1 file changed, 2 insertions(+), 1 deletion(-)

"""
CHANGE = """\
diff --git a/lib/count b/lib/count
index 1111111..2222222 100644
--- a/lib/count
+++ b/lib/count
@@ -1,3 +1,4 @@ heading
 one
-too
+two
+three
 end
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidInput) as caught:
        patch.parse(text, PATH)
    assert {problem.location.path for problem in caught.value.problems} == {PATH}
    return [(problem.location.line, problem.message) for problem in caught.value.problems]


def test_a_patch_of_format_patch_is_read_whole() -> None:
    read = patch.parse(MESSAGE + CHANGE + "-- \n2.47.0\n\n", PATH)
    assert read.subject == "lib: Count to three"
    assert read.header("origin") == "vendor"
    assert read.header("Forwarded") is None
    (change,) = read.changes
    assert (change.old, change.new, change.mode) == ("lib/count", "lib/count", None)
    (hunk,) = change.hunks
    assert (hunk.line, hunk.number, hunk.old_start, hunk.section) == (18, 1, 1, " heading")
    assert (hunk.old, hunk.new) == (("one", "too", "end"), ("one", "two", "three", "end"))


@pytest.mark.parametrize(
    "header", ["@@ -1,4 +1,4 @@", "@@ -1,3 +1,5 @@", "@@ -1,2 +1,4 @@", "@@ -1,3 +1,3 @@", "@@ -1,2 +1,3 @@"]
)
def test_a_hunk_whose_counts_are_wrong_is_refused_with_both_counts(header: str) -> None:
    ((line, message),) = problems(MESSAGE + CHANGE.replace("@@ -1,3 +1,4 @@", header))
    announced = header.replace("@@ -1,", "").replace(" @@", "").split(" +1,")
    assert line == 18
    assert message == (
        f"hunk 1: its header announces {announced[0]} old and {announced[1]} new lines, "
        "but 3 old and 4 new lines follow"
    )


def test_every_mistake_of_a_patch_is_reported_at_once() -> None:
    other = CHANGE.replace("lib/count", "lib/other")
    wrong = CHANGE.replace("1,4", "1,9") + other.replace("@@ -1,3 +1,4 @@", "@@ one @@") + other.replace("1,4", "1,2")
    assert [line for line, _ in problems(MESSAGE + wrong)] == [18, 28, 38]


def test_a_patch_cut_off_in_the_middle_of_a_hunk_is_refused() -> None:
    ((line, message),) = problems(MESSAGE + CHANGE.removesuffix(" end\n"))
    assert line == 18
    assert "but 2 old and 3 new lines follow" in message


def test_the_signature_behind_a_hunk_is_no_removed_line() -> None:
    (change,) = patch.parse(CHANGE + "-- \n2.47.0\n", PATH).changes
    assert change.hunks[0].body[-1] == " end"


def test_a_removed_line_that_looks_like_the_signature_belongs_to_its_hunk() -> None:
    text = "--- a/sql\n+++ b/sql\n@@ -1,2 +1 @@\n keep\n-- \n"
    (change,) = patch.parse(text, PATH).changes
    assert change.hunks[0].old == ("keep", "- ")


def test_an_empty_context_line_stripped_by_a_mailer_is_context() -> None:
    (change,) = patch.parse("--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n one\n\n+new\n end\n", PATH).changes
    assert change.hunks[0].old == ("one", "", "end")


def test_a_missing_newline_at_the_end_is_noticed_for_each_side() -> None:
    text = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n\\ No newline at end of file\n+new\n"
    (change,) = patch.parse(text, PATH).changes
    assert (change.hunks[0].old_ends, change.hunks[0].new_ends) == (False, True)


def test_new_deleted_renamed_and_executable_files_are_told_apart() -> None:
    text = """\
diff --git a/new b/new
new file mode 100755
index 0000000..1111111
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+text
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-text
diff --git a/here b/there
similarity index 100%
rename from here
rename to there
diff --git a/tool b/tool
old mode 100644
new mode 100755
diff --git a/empty b/empty
new file mode 100644
index 0000000..e69de29
"""
    changes = patch.parse(text, PATH).changes
    assert [(change.old, change.new, change.mode) for change in changes] == [
        (None, "new", 0o755),
        ("gone", None, None),
        ("here", "there", None),
        ("tool", "tool", 0o755),
        (None, "empty", 0o644),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just a letter\n", "not a patch: no file is changed"),
        ("@@ -1 +1 @@\n-a\n+b\n", "a hunk without the file it belongs to"),
        ("diff --git a/f b/f\nindex 1..2 100644\nGIT binary patch\nliteral 3\n", "a binary change cannot be applied"),
        ("--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "is outside the tree"),
        ("diff --git a/f b/g\ncopy from f\ncopy to g\n", "a copy cannot be applied"),
    ],
)
def test_what_cannot_be_applied_is_refused(text: str, expected: str) -> None:
    assert any(expected in message for _, message in problems(text))


def test_a_form_feed_and_a_carriage_return_stay_in_their_line() -> None:
    (change,) = patch.parse("--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n a\x0cb\r\n+c\n", PATH).changes
    assert change.hunks[0].old == ("a\x0cb\r",)
