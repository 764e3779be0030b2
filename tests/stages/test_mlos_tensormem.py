"""libtensormem, compiled, on memfd and on /dev/tensor where the kernel has it: what it does, refuses and survives."""

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

SOURCE = mlos.ROOT / "packages" / "mlos-tensormem" / "source"
HERE = Path(__file__).parent
CONFORMANCE, FUZZ = "source/check/conformance.c", "source/check/header_fuzz.c"
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I/work/source")
NO_DEVICE = 77


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the compiled library and the tests' programs in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    shutil.copy(HERE / "tensormem_torn.c", made.work)
    made.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd="/work/source")
    return made


def status(job: Job, *command: str) -> tuple[int, str]:
    """Exit status of a program, and what it said."""
    script = 'LD_LIBRARY_PATH=/work/source "$@" > /work/said 2>&1; echo $? > /work/status'
    job.sandbox.run(["sh", "-c", script, "sh", *command])
    return int((job.work / "status").read_text()), (job.work / "said").read_text()


def sources() -> list[str]:
    return [f"source/{path.name}" for path in sorted(SOURCE.glob("*.c"))]


@pytest.mark.parametrize("kind", ["memfd", "device"])
def test_a_tensor_does_what_its_manual_page_says(job: Job, kind: str) -> None:
    code, said = status(job, "/work/source/conformance", kind)
    if code == NO_DEVICE:
        pytest.skip("this kernel has no /dev/tensor")
    assert code == 0, said
    assert len(re.findall(r"^ok \d+ \w+$", said, re.MULTILINE)) > 20


def test_a_single_case_can_be_named(job: Job) -> None:
    code, said = status(job, "/work/source/conformance", "memfd", "generations_only_grow")
    assert (code, said) == (0, "TAP version 13\n1..1\nok 1 generations_only_grow\n")
    assert status(job, "/work/source/conformance", "memfd", "no_such_case")[0] == 64


def test_threads_do_not_race(job: Job) -> None:
    job.sandbox.run(
        ["cc", *FLAGS, "-g", "-O1", "-fsanitize=thread", "-o", "checks", CONFORMANCE, *sources(), "-pthread"]
    )
    code, said = status(job, "/work/checks", "memfd", "threads_see_whole_descriptions", "a_seal_wakes_whoever_waits")
    assert code == 0, said


def test_a_description_is_never_seen_half_changed(job: Job) -> None:
    own = ["source/trailer.c", "source/meta.c"]
    job.sandbox.run(["cc", *FLAGS, "-O2", "-o", "torn", "tensormem_torn.c", *own, "-pthread"])
    assert status(job, "/work/torn")[0] == 0


def test_bad_memory_accesses_and_leaks_are_none(job: Job) -> None:
    job.sandbox.run(["cc", *FLAGS, *SANITIZERS, "-o", "checks", CONFORMANCE, *sources(), "-pthread"])
    code, said = status(job, "/work/checks", "memfd")
    assert code == 0, said


def test_damaged_headers_and_packets_do_no_harm(job: Job) -> None:
    job.sandbox.run(["cc", *FLAGS, *SANITIZERS, "-o", "fuzz", FUZZ, *sources(), "-pthread"])
    code, said = status(job, "/work/fuzz", "100000")
    assert code == 0, said


def test_the_kernels_interface_is_that_of_its_patches() -> None:
    """The library has a copy of the header, since the compiler's own headers are of a kernel without the device."""
    name = "include/uapi/linux/tensor_mem.h"
    tree: dict[str, list[str] | None] = {name: None}
    for path in sorted((mlos.ROOT / "patches" / "common").glob("*.patch")):
        whole = patch.read(path)
        patch_apply.apply(replace(whole, changes=tuple(each for each in whole.changes if each.path == name)), tree)
    assert patch_apply.to_content(tree[name] or []) == (SOURCE / "kernel" / "tensor_mem.h").read_bytes()


def test_the_header_is_good_for_c_and_cplusplus(job: Job) -> None:
    (job.work / "probe.cc").write_text('#include "mlos/tensormem.h"\nint main() { return 0; }\n')
    job.sandbox.run(["c++", "-Wall", "-Wextra", "-Werror", "-I/work/source", "-fsyntax-only", "/work/probe.cc"])


def test_the_library_exports_what_its_header_declares_and_nothing_else(job: Job) -> None:
    code, said = status(job, "nm", "--dynamic", "--defined-only", "/work/source/libtensormem.so.1")
    assert code == 0
    exported = {line.split()[-1] for line in said.splitlines()} - {"TENSORMEM_1"}
    header = (SOURCE / "mlos" / "tensormem.h").read_text("utf-8")
    declared = set(re.findall(r"^[a-z].*?\b(tensormem_\w+)\(", header, re.MULTILINE))
    assert exported == {f"{name}@@TENSORMEM_1" for name in declared}


def install(job: Job) -> None:
    """What the package has, below /work/root."""
    shutil.copytree(SOURCE.parent / "files", job.work / "root")
    job.sandbox.run(["make", "--silent", "install", "DESTDIR=/work/root"], cwd="/work/source")


def test_units_rules_and_groups_are_valid(job: Job) -> None:
    install(job)
    job.sandbox.run(["udevadm", "verify", "--resolve-names=never", "/work/root/usr/lib/udev/rules.d"])
    job.sandbox.run(["systemd-sysusers", "--dry-run", "/work/root/usr/lib/sysusers.d/mlos-tensormem.conf"])
    # The units that ours are ordered against.
    job.sandbox.run(["sh", "-c", "cp /usr/lib/systemd/system/*.target /work/root/usr/lib/systemd/system"])
    complaints: list[str] = []  # an unknown key is only a warning to systemd-analyze
    units = ["tensormemd.socket", "tensormemd.service"]
    analyze = ["systemd-analyze", "--man=no", "--root=/work/root", "verify", *units]
    replace(job.sandbox, log=complaints.append).run(analyze)
    assert complaints == []


def test_only_the_broker_needs_more_than_the_c_library(job: Job) -> None:
    for name in ("libtensormem.so.1", "tensormem", "tensormemd"):
        needed = set(re.findall(r"NEEDED +(\S+)", status(job, "objdump", "-p", f"/work/source/{name}")[1]))
        crypto = {each for each in needed if each.startswith("libcrypto")}
        assert needed - crypto <= {"libc.so.6", "libtensormem.so.1"}
        assert bool(crypto) == (name == "tensormemd")


def test_an_installed_library_is_found_by_pkg_config(job: Job) -> None:
    install(job)
    text = (job.work / "root/usr/share/pkgconfig/tensormem.pc").read_text()
    assert "Libs: -L${libdir} -ltensormem" in text
    assert "@" not in text
    assert (job.work / "root/usr/lib/libtensormem.so").is_symlink()
