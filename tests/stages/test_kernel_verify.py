"""Every patch of a series is judged by itself, on a small tree with a real compiler."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats import patch
from distrobuild.stages.kernel_prepare import fragment_input
from distrobuild.stages.kernel_verify import RESULT, KernelVerifyStage, UnsoundSeries, VerifyOptions, symbols
from tests.jobs import job_in
from tests.stages.small_kernel import write_tree

Verify = Callable[..., list[dict[str, object]]]
HEAD = "From: A <a@example.org>\nSubject: [PATCH] {subject}\n\n---\n"
FIXES = 'From: A <a@example.org>\nSubject: [PATCH] mend\n\nFixes: 0123456789ab ("a commit")\n---\n'
SYMBOL = """\
--- a/Kconfig
+++ b/Kconfig
@@ -3,3 +3,5 @@
 \tdepends on MAGIC
 config PLAIN
 \tbool "Plain"
+config ANSWER
+\tbool "Answer"
"""
CODE = """\
--- a/main.c
+++ b/main.c
@@ -3,4 +3,{count} @@
 {{
 \tputs(WHO);
{added} \treturn 0;
 }}
"""
MEND = """\
--- a/main.c
+++ b/main.c
@@ -4,6 +4,6 @@
 \tputs(WHO);
 #ifdef CONFIG_ANSWER
-\tanswer = 42
+\tputs("42");
 #endif
 \treturn 0;
 }
"""
PARTS = """
.PHONY: parts/
parts/:
\ttest ! -e parts/answer.c || ! grep -q ANSWER=y .config || $(MAKE) parts/answer.o
"""
"""A folder whose one object is compiled if it is asked for, as kbuild does by `obj-$(CONFIG_ANSWER)`."""
PART = """\
--- /dev/null
+++ b/parts/answer.c
@@ -0,0 +1 @@
+int answer(void) { return 41; }
"""
OTHER_PART = """\
--- a/parts/answer.c
+++ b/parts/answer.c
@@ -1 +1 @@
-int answer(void) { return 41; }
+int answer(void) { return 42; }
"""
MENU = """\
--- /dev/null
+++ b/answer/Kconfig
@@ -0,0 +1,2 @@
+config ANSWER
+\tbool "Answer"
"""
SOURCED = """\
--- a/Kconfig
+++ b/Kconfig
@@ -3,3 +3,4 @@
 \tdepends on MAGIC
 config PLAIN
 \tbool "Plain"
+source "answer/Kconfig"
"""


def code(*lines: str) -> str:
    """A patch that adds lines to the program."""
    return CODE.format(count=4 + len(lines), added="".join(f"+{line}\n" for line in lines))


WHO = " \tputs(WHO);\n"
MORE = ' \tputs("more");\n'


def guarded(line: str) -> str:
    return code("#ifdef CONFIG_ANSWER", line, "#endif")


@pytest.fixture
def verify(tmp_path: Path, tools_root: Path) -> Verify:
    """Judge a series of these patches, with `more` at the end of the program and `rules` at that of the Makefile.

    The verdicts, or the problems.
    """

    def run(*patches: str, more: str = "", rules: str = "") -> list[dict[str, object]]:
        write_tree(tmp_path / "linux")
        (tmp_path / "patches").mkdir()
        for number, text in enumerate(patches, start=1):
            content = text if text.startswith("From: ") else HEAD.format(subject=f"patch {number}") + text
            (tmp_path / "patches" / f"{number}.patch").write_text(content)
        (tmp_path / "patches/series").write_text("".join(f"{number + 1}.patch\n" for number in range(len(patches))))
        with (tmp_path / "linux/main.c").open("a") as main:
            main.write(more)
        with (tmp_path / "linux/Makefile").open("a") as makefile:
            makefile.write(rules)
        (tmp_path / "small.config").write_text("CONFIG_PLAIN=y\nCONFIG_ANSWER=y\nCONFIG_DEBUG_ATOMIC_SLEEP=y\n")
        inputs = {
            "source": tmp_path / "linux",
            "patches": tmp_path / "patches",
            fragment_input("small.config"): tmp_path / "small.config",
        }
        options = VerifyOptions(
            distribution="test",
            version="1.0",
            flavour="vm",
            base_config="allnoconfig",
            config=("small.config",),
            patches="patches",
            targets=("main.o", "parts/") if rules else ("main.o",),
        )
        job = job_in(tmp_path / "job", tools_root, inputs)
        KernelVerifyStage(options).run(job)
        verdicts: list[dict[str, object]] = json.loads((job.output / RESULT).read_text())
        return verdicts

    return run


def test_the_symbols_of_a_patch_are_those_that_it_adds() -> None:
    text = HEAD.format(subject="x") + SYMBOL
    assert list(symbols(patch.parse(text, Path("p")))) == ["ANSWER"]


def test_a_sound_series_has_a_verdict_on_each_patch(verify: Verify) -> None:
    first, second = verify(SYMBOL, guarded('\tputs("42");'))
    assert first == {"patch": "1.patch", "off": [], "on": [], "style": []}
    assert second == {"patch": "2.patch", "off": [], "on": [], "style": []}


def test_a_patch_before_the_first_symbol_has_nothing_to_switch_on(verify: Verify) -> None:
    first, second = verify(code("\t/* nothing */"), SYMBOL)
    assert (first["on"], second["on"]) == (None, [])


def test_a_menu_that_nothing_leads_to_yet_cannot_be_asked_for(verify: Verify) -> None:
    first, second, third = verify(MENU, SOURCED, guarded('\tputs("42");'))
    assert (first["on"], second["on"], third["on"]) == (None, [], [])


def test_what_only_the_option_compiles_is_no_code_without_it(verify: Verify) -> None:
    later = OTHER_PART.replace("42", "43").replace("41", "42")
    verdicts = verify(SYMBOL, PART, FIXES + code('\tputs("more");'), OTHER_PART, later, rules=PARTS)
    assert [each["off"] for each in verdicts] == [[], [], [], [], []]


def test_a_warning_counts_for_the_patch_that_brings_it(verify: Verify) -> None:
    with pytest.raises(UnsoundSeries) as error:
        verify(SYMBOL, guarded("\tint unused;"))
    (problem,) = error.value.problems
    assert str(problem.location) == "patches/2.patch:1:1"
    assert problem.message.startswith("on: main.c:6:")
    assert "unused variable" in problem.message


def test_code_that_differs_with_the_option_off_is_found(verify: Verify) -> None:
    with pytest.raises(UnsoundSeries, match=r"off: the code of main\.o is another than without the series"):
        verify(SYMBOL, code('\tputs("more");'))


def test_the_number_of_a_line_is_not_the_code(verify: Verify) -> None:
    more = "#ifdef CONFIG_DEBUG_ATOMIC_SLEEP\nint line(void)\n{\n\treturn __LINE__;\n}\n#endif\n"
    assert [each["off"] for each in verify(SYMBOL, code("\t/* a line */"), more=more)] == [[], []]


def test_what_mends_the_kernel_itself_changes_the_code_and_what_follows_does_not(verify: Verify) -> None:
    mending, after = FIXES + code('\tputs("more");'), guarded('\tputs("42");')
    verdicts = verify(SYMBOL, mending, after.replace("@@ -3,4 +3,7 @@", "@@ -3,5 +3,8 @@").replace(WHO, WHO + MORE))
    assert [each["off"] for each in verdicts] == [[], [], []]


def test_code_that_differs_after_what_mends_the_kernel_is_found(verify: Verify) -> None:
    mending, after = FIXES + code('\tputs("more");'), code('\tputs("42");')
    with pytest.raises(UnsoundSeries) as error:
        verify(SYMBOL, mending, after.replace("@@ -3,4 +3,5 @@", "@@ -3,5 +3,6 @@").replace(WHO, WHO + MORE))
    assert [str(problem.location.path) for problem in error.value.problems] == ["patches/3.patch"]


def test_a_patch_that_only_the_next_one_mends_is_found(verify: Verify) -> None:
    with pytest.raises(UnsoundSeries) as error:
        verify(SYMBOL, guarded("\tanswer = 42"), MEND)
    assert {str(problem.location.path) for problem in error.value.problems} == {"patches/2.patch"}


def test_an_error_of_style_is_an_error(verify: Verify) -> None:
    with pytest.raises(UnsoundSeries, match="ERROR: no haste"):
        verify(SYMBOL, guarded("\t/* HASTE */"))
