"""mlrun and libmlos-training, compiled, on a kernel that may lack the class: what they refuse, and what still works."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from distrobuild.stages.stage import Job
from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-sched" / "source"
PROBE = """
#include <stdio.h>
#include <unistd.h>
#include "mlos/training.h"

int main(void)
{
    struct mlos_training_times times;

    mlos_training_begin(1);
    mlos_training_phase(MLOS_TRAINING_FORWARD);
    usleep(20000);
    mlos_training_phase(MLOS_TRAINING_INPUT);
    mlos_training_times(&times);
    mlos_training_end();
    printf("%d %d\\n", times.seconds[MLOS_TRAINING_FORWARD] >= 0.02, mlos_training_phase(99));
    return 0;
}
"""


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the compiled sources in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    made.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd="/work/source")
    return made


def status(job: Job, *arguments: str) -> tuple[int, str]:
    """Exit status of mlrun, and what it said."""
    script = '"$@" > /work/said 2>&1; echo $? > /work/status'
    job.sandbox.run(["sh", "-c", script, "sh", "/work/source/mlrun", *arguments])
    return int((job.work / "status").read_text()), (job.work / "said").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("--level", "5", "true"), ("--level", "best", "true"), ("--deadline", "5x", "true"),
        ("--deadline", "-1", "true"), ("--deadline", "0x10", "true"), ("--slice", "1e3", "true"), ("--show",),
        ("--group", "true"), ("--pid", "1", "true"), ("--pid", "x"), ("--nonsense", "true"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_and_nothing_runs(job: Job, arguments: tuple[str, ...]) -> None:
    code, said = status(job, *arguments)
    assert code == 64
    assert "--help" in said


def test_a_kernel_without_the_class_is_told_and_the_command_not_run(job: Job) -> None:
    code, said = status(job, "sh", "-c", "echo ran")
    if code == 0:
        pytest.skip("this kernel has SCHED_ML")
    assert code in {69, 77}
    assert "SCHED_ML" in said
    assert "ran" not in said


def test_an_optional_class_never_keeps_a_command_from_running(job: Job) -> None:
    code, said = status(job, "--optional", "--explain", "--", "sh", "-c", "echo ran; exit 7")
    assert code == 7
    assert said.endswith("ran\n")


@pytest.mark.parametrize(("command", "code"), [("/no/such/program", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_run_is_told_as_shells_do(job: Job, command: str, code: int) -> None:
    assert status(job, "--optional", command)[0] == code


def test_training_hints_do_no_harm_without_the_class(job: Job) -> None:
    (job.work / "probe.c").write_text(PROBE, "utf-8")
    library = "/work/source/libmlos-training.so.1"
    job.sandbox.run(["cc", "-Werror", "-I/work/source", "-o", "/work/probe", "/work/probe.c", library])
    script = "LD_LIBRARY_PATH=/work/source /work/probe > /work/said"
    job.sandbox.run(["sh", "-c", script])
    assert (job.work / "said").read_text() == "1 -1\n"


def test_the_header_is_good_for_c_and_cplusplus(job: Job) -> None:
    (job.work / "probe.cc").write_text(
        '#include "mlos/sched.h"\n#include "mlos/training.h"\nint main() { return 0; }\n'
    )
    job.sandbox.run(["c++", "-Wall", "-Wextra", "-Werror", "-I/work/source", "-fsyntax-only", "/work/probe.cc"])


def test_the_library_exports_its_four_functions_only(job: Job) -> None:
    script = "nm --dynamic --defined-only /work/source/libmlos-training.so.1 > /work/said"
    job.sandbox.run(["sh", "-c", script])
    names = {line.split()[-1].partition("@")[0] for line in (job.work / "said").read_text().splitlines()}
    assert {name for name in names if name != "MLOS_TRAINING_1"} == {
        f"mlos_training_{name}" for name in ("begin", "end", "phase", "times")
    }
