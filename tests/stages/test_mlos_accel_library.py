"""libmlaccel, compiled: what it exports, what it agrees on with the kernel, and what it refuses without a device.

What it does with one is tried by `conformance` and tests/boot/accel, where there is one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.formats import patch, patch_apply
from distrobuild.stages.stage import Job
from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-accel" / "source"
HERE = Path(__file__).parent
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I/work/source", "-pthread")
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
NO_DEVICE = 77
OF_DEVICE = "include/uapi/drm/accel_hub.h"


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the compiled library in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "mlaccel_probe.c", made.work)
    made.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd="/work/source")
    return made


def status(job: Job, *command: str) -> tuple[int, str]:
    """Exit status of a program, and what it said."""
    script = 'LD_LIBRARY_PATH=/work/source "$@" > /work/said 2>&1; echo $? > /work/status'
    job.sandbox.run(["sh", "-c", script, "sh", *command])
    return int((job.work / "status").read_text()), (job.work / "said").read_text()


def test_a_machine_without_a_device_is_told_so(job: Job) -> None:
    code, said = status(job, "/work/source/conformance")
    assert code == NO_DEVICE
    assert said == "TAP version 13\n1..0 # SKIP no device of the accelerator hub can: int8 matmul\n"


def test_the_program_that_tries_the_library_runs_where_there_is_nothing_else(job: Job) -> None:
    job.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror", "conformance-static"], cwd="/work/source")
    assert status(job, "/work/source/conformance-static")[0] == NO_DEVICE


def test_what_needs_no_device_does_no_harm_to_memory(job: Job) -> None:
    sources = [f"source/{path.name}" for path in sorted(SOURCE.glob("*.c"))]
    job.sandbox.run(["cc", *FLAGS, *SANITIZERS, "-o", "probe", "mlaccel_probe.c", *sources])
    code, said = status(job, "/work/probe")
    assert code == 0, said


def test_the_kernels_interface_is_that_of_its_patches() -> None:
    """The library has a copy of the header, since the compiler's own headers are of a kernel without the hub."""
    tree: dict[str, list[str] | None] = {OF_DEVICE: None}
    for path in sorted((mlos.ROOT / "patches" / "common").glob("*.patch")):
        whole = patch.read(path)
        ours = tuple(each for each in whole.changes if each.path == OF_DEVICE)
        patch_apply.apply(replace(whole, changes=ours), tree)
    assert patch_apply.to_content(tree[OF_DEVICE] or []) == (SOURCE / "kernel" / "accel_hub.h").read_bytes()


def test_the_words_of_capabilities_are_the_kernels() -> None:
    header = (SOURCE / "kernel" / "accel_hub.h").read_text("utf-8")
    kernel = re.findall(r"#define ACCEL_HUB_CAN_\w+\t+\(1ULL << (\d+)\)\t/\* (\w+)", header)
    ours = re.findall(r'\{"(\w+)", MLACCEL_CAN_\w+\}', (SOURCE / "words.c").read_text("utf-8"))
    assert ours == [word for _, word in kernel]
    assert [int(bit) for bit, _ in kernel] == list(range(len(ours)))


def test_the_header_is_good_for_c_and_cplusplus(job: Job) -> None:
    (job.work / "probe.cc").write_text('#include "mlos/accel.h"\nint main() { return 0; }\n')
    job.sandbox.run(["c++", "-Wall", "-Wextra", "-Werror", "-I/work/source", "-fsyntax-only", "/work/probe.cc"])
    (job.work / "probe.c").write_text('#include "mlos/accel.h"\nint main(void) { return 0; }\n')
    job.sandbox.run(
        ["cc", "-std=c99", "-pedantic", "-Wall", "-Werror", "-I/work/source", "-fsyntax-only", "/work/probe.c"]
    )


def test_the_library_exports_what_its_header_declares_and_nothing_else(job: Job) -> None:
    code, said = status(job, "nm", "--dynamic", "--defined-only", "/work/source/libmlaccel.so.1")
    assert code == 0
    exported = {line.split()[-1] for line in said.splitlines()} - {"MLACCEL_1"}
    header = (SOURCE / "mlos" / "accel.h").read_text("utf-8")
    declared = set(re.findall(r"^[a-z].*?\b(mlaccel_\w+)\(", header, re.MULTILINE))
    assert exported == {f"{name}@@MLACCEL_1" for name in declared}


def test_the_manual_page_has_every_function_and_no_other() -> None:
    header = (SOURCE / "mlos" / "accel.h").read_text("utf-8")
    page = (SOURCE / "man" / "mlaccel.3").read_text("utf-8")
    declared = set(re.findall(r"^[a-z].*?\b(mlaccel_\w+)\(", header, re.MULTILINE))
    assert set(re.findall(r"^\.Fn (mlaccel_\w+)", page, re.MULTILINE)) == declared


def test_the_library_needs_the_c_library_only(job: Job) -> None:
    said = status(job, "objdump", "-p", "/work/source/libmlaccel.so.1")[1]
    needed = set(re.findall(r"NEEDED +(\S+)", said))
    loader = {name for name in needed if name.startswith("ld-linux")}  # which has what is each thread's own
    assert needed - loader == {"libc.so.6"}


def test_an_installed_library_is_found_by_pkg_config(job: Job) -> None:
    job.sandbox.run(["make", "--silent", "install", "DESTDIR=/work/root"], cwd="/work/source")
    text = (job.work / "root/usr/share/pkgconfig/mlaccel.pc").read_text()
    assert "Libs: -L${libdir} -lmlaccel" in text
    assert "@" not in text
    assert (job.work / "root/usr/lib/libmlaccel.so").is_symlink()
    module = job.work / "root/usr/lib/python3/dist-packages/mlaccel"
    assert {path.name for path in Path(SOURCE / "mlaccel").iterdir()} - {"__pycache__"} == {
        path.name for path in module.iterdir()
    }
