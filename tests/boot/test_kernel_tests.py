"""`distrobuild kernel test`: the kernel's own proof, and that it sees what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.engine.events import Stream
from distrobuild.formats.kernel_modules import UnknownModules
from distrobuild.formats.ktap import Outcome
from distrobuild.plan.bare_kernel import NoKernelTest, plan_kernel_tests, select_kernel
from distrobuild.stages.kernel_test import RESULT, KernelTestFailed, KernelTestOptions, KernelTestStage
from distrobuild.stages.stage import Job
from tests import mlos
from tests.jobs import job_in

HEAD = "#include <stdio.h>\n#include <unistd.h>\n#include <fcntl.h>\nint main(int argc, char **argv)\n{\n"
OK = 'puts("KTAP version 1\\n1..1\\nok 1 it runs # as process");'


def passed(kernel: str, test: str) -> list[str]:
    """The tests that passed in one of the kernel's runs; any that fails is an error of the run."""
    selection = select_kernel(mlos.session().loaded.manifest, mlos.ROOT, kernel, mlos.BASE, mlos.FLAVOUR)
    plan = plan_kernel_tests(selection, mlos.session().lock(selection, Stream(), only_kernel=True), [test])
    (goal,) = plan.goals
    entry = mlos.session().engine(selection, Stream(mlos.say)).build(plan)[goal.name]
    record = json.loads((entry.output / RESULT).read_text("utf-8"))
    return [each["name"] for each in record["tests"] if Outcome(each["outcome"]) is Outcome.PASSED]


@pytest.mark.parametrize(("run", "bars"), [("gate", 8), ("accel-gate", 4)])
def test_the_kernel_keeps_its_bars(run: str, bars: int) -> None:
    assert len(passed("mlos-6.12", run)) == bars


@pytest.mark.parametrize("kernel", ["mlos-6.12", "mlos-7.2"])
@pytest.mark.parametrize(
    ("run", "least"),
    [
        ("selftests", 31),
        ("kunit", 90),
        ("tensor-selftests", 100),
        ("accel-selftests", 38),
        ("edu-selftests", 30),
        ("apex-selftests", 38),
    ],
)
def test_the_lines_of_the_kernel_pass_their_tests(kernel: str, run: str, least: int) -> None:
    assert len(passed(kernel, run)) >= least


# The lines share the code but for a header of what differs: what takes minutes runs on one of them here, and on both in
# `distrobuild kernel test`.
@pytest.mark.parametrize(
    ("run", "least"),
    [
        ("stress", 4),
        ("fuzz", 2),
        ("tensor-stress", 4),
        ("tensor-fuzz", 3),
        ("edu-copied", 30),
        ("edu-bounced", 30),
        ("edu-iommu", 30),
        ("npu-fuzz", 3),
        ("accel-fuzz", 3),
    ],
)
def test_the_line_of_the_images_bears_what_takes_long(run: str, least: int) -> None:
    assert len(passed("mlos-6.12", run)) >= least


@pytest.fixture
def boot(tmp_path: Path) -> Callable[..., Job]:
    """Boot the kernel of the vm flavour with a program of this body."""

    def run(body: str, **options: object) -> Job:
        source = tmp_path / "program.c"
        source.write_text(f"{HEAD}{body}\n(void)argc, (void)argv; return 0;\n}}\n", "utf-8")
        inputs = {"kernel": mlos.build("kernel")["kernel"].output, "program": source}
        job = job_in(tmp_path / "job", mlos.build("tools")["tools"].output, inputs)
        KernelTestStage(KernelTestOptions(**options)).run(job)
        return job

    return run


def test_a_program_gets_its_arguments_and_is_recorded(boot: Callable[..., Job]) -> None:
    job = boot(
        'printf("1..1\\n%s 1 first word # %d words\\n", argc == 3 ? argv[1] : "not ok", argc);', arguments=("ok", "x")
    )
    (test,) = json.loads((job.output / RESULT).read_text("utf-8"))["tests"]
    assert test == {"name": "first word", "outcome": "passed", "note": "3 words"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('puts("1..1\\nnot ok 1 sums # 2 + 2 is 5");', r"1 of 1 tests failed: sums \(2 \+ 2 is 5\)"),
        ('puts("1..2\\nok 1 first"); fflush(stdout); *(volatile int *)0 = 1;', "1 of 2 tests have a result"),
        ('puts("1..1\\nok 1 first"); fflush(stdout); _exit(3);', "the program program ended with status 3"),
        ('puts("hello");', "no test said anything"),
        (f'{OK} fflush(stdout); write(open("/proc/sysrq-trigger", O_WRONLY), "c", 1);', "kernel panic|kernel oops"),
        (f'{OK} fflush(stdout); dprintf(open("/dev/kmsg", O_WRONLY), "UBSAN: in x.c:1:2\\n");', "kernel oops: .*UBSAN"),
        (f'{OK} puts("# kmemleak found 2 leaks");', "kmemleak found 2 leaks"),
        (f'{OK} puts("# kmemleak cannot scan: Operation not permitted");', "kmemleak cannot scan"),
    ],
)
def test_what_goes_wrong_is_said(boot: Callable[..., Job], body: str, reason: str) -> None:
    with pytest.raises(KernelTestFailed, match=reason):
        boot(body)


def test_a_guest_that_does_not_end_is_ended(boot: Callable[..., Job]) -> None:
    with pytest.raises(KernelTestFailed, match="did not come to its end in 20 s"):
        boot(f"{OK} fflush(stdout); for (;;) pause();", timeout_seconds=20)


def test_no_leak_is_no_complaint(boot: Callable[..., Job]) -> None:
    boot(f'{OK} puts("# kmemleak found 0 leaks");')


def test_modules_are_loaded_before_the_program_runs(boot: Callable[..., Job]) -> None:
    boot(
        'printf("1..1\\n%sok 1 wireguard\\n", access("/sys/module/wireguard", F_OK) ? "not " : "");',
        modules=("wireguard",),
    )


def test_an_unknown_module_is_refused_by_name(boot: Callable[..., Job]) -> None:
    with pytest.raises(UnknownModules, match="the kernel has no module `wireguart`"):
        boot(OK, modules=("wireguart",))


def test_an_unknown_test_is_refused_by_name() -> None:
    with pytest.raises(NoKernelTest, match="has no test `gat`") as error:
        plan_kernel_tests(mlos.selection(), mlos.session().lock(mlos.selection(), Stream()), ["gat"])
    assert error.value.hint == "did you mean `gate`?"
