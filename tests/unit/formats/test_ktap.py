"""KTAP as KUnit and kselftest print it."""

from __future__ import annotations

import pytest

from distrobuild.formats.ktap import Outcome, Report, TestResult, read_ktap

KUNIT = """\
[    0.412345] Run /init as init process
[    0.500000] KTAP version 1
[    0.500001] 1..1
[    0.500002]     KTAP version 1
[    0.500003]     # Subtest: sched_ml
[    0.500004]     # module: build_policy
[    0.500005]     1..3
[    0.500006]     ok 1 deadlines_wrap
[    0.500007]         KTAP version 1
[    0.500008]         # Subtest: attr
[    0.500009]         ok 1 lowest level
[    0.500010]         not ok 2 no level
[    0.500011]     not ok 2 attr
[    0.500012]     ok 3 clock # SKIP there is none
[    0.500013] # sched_ml: pass:1 fail:1 skip:1 total:3
[    0.500014] not ok 1 sched_ml
"""


def read(text: str) -> Report:
    return read_ktap(text.splitlines())


def test_parts_carry_the_names_of_what_they_are_parts_of() -> None:
    assert read(KUNIT).results == (
        TestResult("sched_ml: deadlines_wrap", Outcome.PASSED),
        TestResult("sched_ml: attr: lowest level", Outcome.PASSED),
        TestResult("sched_ml: attr: no level", Outcome.FAILED),
        TestResult("sched_ml: clock", Outcome.SKIPPED, "there is none"),
    )


def test_parameters_of_a_test_need_no_plan() -> None:
    assert read(KUNIT).complete


def test_a_program_of_kselftest() -> None:
    report = read(
        "TAP version 13\n1..2\n# Starting\nok 1 ml.affinity\nok 2 ml.stats # SKIP not root\n# Totals: pass:1\n"
    )
    assert report.results == (
        TestResult("ml.affinity", Outcome.PASSED),
        TestResult("ml.stats", Outcome.SKIPPED, "not root"),
    )
    assert report.complete


def test_measurements_stand_behind_the_name() -> None:
    assert read("1..1\nok 1 - A # p99 5.84 ms\n").results == (TestResult("A", Outcome.PASSED, "p99 5.84 ms"),)


def test_a_test_that_never_ended_is_a_gap() -> None:
    report = read("1..3\nok 1 a\nok 2 b\n[   12.0] Kernel panic - not syncing\n")
    assert not report.complete
    assert report.gaps == ("the run: 2 of 3 tests have a result",)


def test_a_gap_below_is_told_with_its_name() -> None:
    assert read("1..1\n    1..2\n    ok 1 a\nok 1 suite\n").gaps == ("suite: 1 of 2 tests have a result",)


def test_programs_one_after_the_other_add_up() -> None:
    assert read("1..1\nok 1 a\n1..2\nok 1 b\nok 2 c\n").complete
    assert not read("1..1\nok 1 a\n1..2\nok 1 b\n").complete


def test_a_failure_of_the_whole_is_not_lost_behind_parts_that_passed() -> None:
    report = read("1..1\n    1..1\n    ok 1 a\nnot ok 1 suite\n")
    assert [result.name for result in report.failed] == ["suite"]


def test_an_expected_failure_is_none() -> None:
    assert read("1..1\nnot ok 1 a # XFAIL known\n").failed == ()


@pytest.mark.parametrize("text", ["", "[ 1.0] Linux version 6.12\n", "okay then\nnot okay\n"])
def test_a_console_without_tests_proves_nothing(text: str) -> None:
    report = read(text)
    assert report.results == ()
    assert not report.complete


def test_the_caller_before_a_line_is_passed_over() -> None:
    assert read("<6>[    0.5][    T1] 1..1\r\n<6>[    0.5][    T1] ok 1 a\r\n").complete
