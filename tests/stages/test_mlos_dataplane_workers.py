"""libdataplane's pool of workers and memory of nodes: all of the manual pages, under the sanitizers and valgrind."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from distrobuild.stages.stage import Job
from tests.stages.dataplane_host import SOURCE, build

SANITIZERS = {
    # The thread sanitizer knows no fences; what they see to is that nobody sleeps for ever.
    "thread": "-fsanitize=thread -Wno-tsan",
    "address": "-fsanitize=address,undefined -fno-sanitize-recover=all",
}
CASES = {
    name: re.findall(r"^\tCASE\((\w+)\),$", (SOURCE / "check" / f"{name}.c").read_text("utf-8"), re.MULTILINE)
    for name in ("workers", "arrow")
}


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the sources in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    return made


def result(job: Job, name: str, *arguments: str) -> tuple[int, str]:
    """Exit status of a check in the sandbox, and what it says."""
    script = '"$@" > /work/said 2>&1; echo $? > /work/status'
    job.sandbox.run(["sh", "-c", script, "sh", f"/work/source/check/{name}", *arguments])
    return int((job.work / "status").read_text()), (job.work / "said").read_text("utf-8")


def good(name: str) -> str:
    return "".join(f"ok {case}\n" for case in CASES[name])


def is_skipped(line: str) -> bool:
    return line.startswith("skip ")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_a_check_is_clean_to_the_sanitizers(job: Job, name: str, sanitizer: str) -> None:
    flags = SANITIZERS[sanitizer]
    make = ["make", "--silent", f"CFLAGS=-O1 {flags}", f"LDFLAGS={flags}", f"check/{name}"]
    job.sandbox.run(make, cwd="/work/source")
    status, said = result(job, name, "10000")
    assert (status, [line for line in said.splitlines() if not is_skipped(line)]) == (0, good(name).splitlines())


@pytest.mark.parametrize("name", CASES)
def test_a_check_is_clean_to_valgrind(name: str) -> None:
    command = ["valgrind", "--quiet", "--leak-check=full", "--error-exitcode=9"]
    done = subprocess.run(
        [*command, build() / "check" / name, "1000"], check=False, capture_output=True, text=True, timeout=300
    )
    said = [line for line in done.stdout.splitlines() if not is_skipped(line)]
    assert (done.returncode, said, done.stderr) == (0, good(name).splitlines(), "")


def test_a_long_storm_loses_no_work_and_nobody_sleeps_for_ever() -> None:
    command = [build() / "check" / "workers", "2000000", "a_storm_of_work_is_done_once"]
    assert subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.startswith("ok ")


@pytest.mark.parametrize(
    ("file", "correct", "wrong", "case"),
    [
        ("tasks.h", "memory_order_relaxed)) {", "memory_order_relaxed) || true) {", "a_storm_of_work_is_done_once"),
        ("crew.c", "a->distance < b->distance ? -1 : 1", "a->distance < b->distance ? 1 : -1",
         "work_is_taken_from_the_own_node_first"),
        ("worker.c", "worker->pinned = pin(worker->cpu);", "worker->pinned = true;",
         "workers_stay_where_the_process_may_be"),
        ("worker.c", "if (find_patiently(worker, task))", "if (!closing && find_patiently(worker, task))",
         "what_was_submitted_is_done_before_the_end"),
        ("group.c", "if (worker && work_once())", "if (worker && false)", "work_may_wait_for_its_parts"),
        ("workers.c", "workers->forks != read_relaxed(&forks)", "workers->count == 0", "a_child_has_no_workers"),
    ],
)  # fmt: skip
def test_the_check_of_workers_finds_what_is_broken(job: Job, file: str, correct: str, wrong: str, case: str) -> None:
    place = job.work / "source" / file
    text = place.read_text("utf-8")
    assert text.count(correct) == 1
    place.write_text(text.replace(correct, wrong), "utf-8")
    job.sandbox.run(["make", "--silent", "CFLAGS=-O1", "check/workers"], cwd="/work/source")
    job.sandbox.run(
        ["sh", "-c", 'timeout 10 "$@" > /work/said 2>&1; echo $? > /work/status', "sh",
         "/work/source/check/workers", "20000", case]
    )  # fmt: skip
    assert (job.work / "status").read_text().strip() != "0"


def test_pages_are_on_the_nodes_that_were_asked_for() -> None:
    done = subprocess.run([build() / "check" / "placement"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"[1-9]\d* nodes: good", lines[-1])
    assert any(re.fullmatch(r"node \d+: strict, \d+ pages: \d+ on node \d+", line) for line in lines)


MACHINE = {
    "devices/system/cpu/cpu0/node0/": "",
    "devices/system/cpu/cpu1/node2/": "",
    "devices/system/cpu/cpu2/": "",
    "devices/system/node/online": "0,2-3\n",
    "devices/system/node/node0/distance": "10 21 31\n",
    "devices/system/node/node2/distance": "21 10 17\n",
    "devices/system/node/node3/distance": "31 17 ten\n",
    "devices/pci0000:00/numa_node": "-1\n",
    "devices/pci0000:00/0000:00:03.0/numa_node": "2\n",
    "devices/pci0000:00/0000:00:03.0/nvme/nvme0/": "",
    "devices/pci0000:00/0000:00:04.0/numa_node": "-1\n",
}
"""A machine with nodes 0, 2 and 3, as /sys would show it."""

QUESTIONS = """
#include <errno.h>
#include <stdio.h>
#include "mlos/numa.h"
static void say(int answer) { printf("%d %d\\n", answer, answer < 0 ? errno : 0); }
#define SAY(expression) say(expression)
int main(void)
{
	SAY(dp_numa_node_of_cpu(0)); SAY(dp_numa_node_of_cpu(1)); SAY(dp_numa_node_of_cpu(2)); SAY(dp_numa_node_of_cpu(3));
	SAY(dp_numa_distance(0, 0)); SAY(dp_numa_distance(0, 3)); SAY(dp_numa_distance(2, 3));
	SAY(dp_numa_distance(0, 1)); SAY(dp_numa_distance(1, 0)); SAY(dp_numa_distance(3, 3));
	SAY(dp_numa_node_of_device(SYSFS "/devices/pci0000:00/0000:00:03.0/nvme/nvme0"));
	SAY(dp_numa_node_of_device(SYSFS "/devices/pci0000:00/0000:00:04.0"));
	SAY(dp_numa_node_of_device("/proc/self/exe")); SAY(dp_numa_node_of_device("/nowhere"));
}
"""


def test_processors_distances_and_devices_are_as_the_kernel_shows_them(job: Job) -> None:
    for name, text in MACHINE.items():
        place = job.work / "machine" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.write_text(text)
    (job.work / "questions.c").write_text(QUESTIONS)
    sources = [f"source/{name}.c" for name in ("nearness", "sysfs")]
    define = '-DSYSFS="/work/machine"'
    job.sandbox.run(["cc", "-D_GNU_SOURCE", define, "-Isource", "-o", "questions", "questions.c", *sources])
    answers = [tuple(map(int, line.split())) for line in job.sandbox.read(["/work/questions"]).decode().splitlines()]
    nothing_said, no_such, no_device, damaged = (-1, 61), (-1, 22), (-1, 19), (-1, 74)
    assert answers == [
        (0, 0), (2, 0), (0, 0), no_such,
        (10, 0), (31, 0), (17, 0),
        no_such, no_such, damaged,
        (2, 0), nothing_said, no_device, (-1, 2),
    ]  # fmt: skip
