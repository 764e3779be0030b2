"""An extension with kernel modules has no index of them; its helper makes one, for itself alone, and loads by it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats.kernel_modules import UnknownModules
from distrobuild.stages.stage import Job
from distrobuild.stages.sysext import SysextOptions, SysextStage
from tests.stages.kernel_package import write_kernel

MakeJob = Callable[..., Job]
RELEASE = platform.release()
"""Of the kernel that runs here: the helper asks for its modules."""
MODULES = {"first": "", "second-half": "first", "stranger": ""}
"""Modules of a test, and what each needs."""


@pytest.fixture
def kernel(make_job: MakeJob) -> Path:
    """What a kernel stage makes."""
    job = make_job({}, "kernel")
    write_kernel(job, RELEASE, MODULES, built_in=("kernel/fs/overlayfs/overlay.ko",))
    stranger = job.work / f"image/usr/lib/modules/{RELEASE}/kernel/stranger.ko"
    (job.output / "stranger.ko").write_bytes(stranger.read_bytes())
    return job.output


def made(job: Job, *modules: str) -> Path:
    options = {"name": "box-modules", "version": "1.0", "fits": "distribution", "distribution": "box"}
    stage = SysextStage(SysextOptions.model_validate({**options, "modules": modules}))
    stage.run(job)
    job.sandbox.run(["unsquashfs", "-no-progress", "-d", "/work/again", f"/out/{stage.options.file_name}"])
    return job.work / "again"


def test_it_has_the_modules_and_no_index(make_job: MakeJob, kernel: Path) -> None:
    tree = made(make_job({"kernel": kernel}), "second_half")
    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert {path for path in files if path.startswith("usr/lib/modules/")} == {
        f"usr/lib/modules/{RELEASE}/kernel/first.ko",
        f"usr/lib/modules/{RELEASE}/kernel/second-half.ko",
    }
    assert {path for path in files if not path.startswith("usr/lib/modules/")} == {
        "usr/lib/extension-release.d/extension-release.box-modules",
        "usr/lib/modprobe.d/10-box-modules-kmod-sysext.conf",
        "usr/libexec/_box-modules_modprobe_helper",
    }


def test_it_fits_this_version_of_this_distribution_only(make_job: MakeJob, kernel: Path) -> None:
    tree = made(make_job({"kernel": kernel}), "first")
    lines = (tree / "usr/lib/extension-release.d/extension-release.box-modules").read_text().splitlines()
    assert {"ID=box", "VERSION_ID=1.0"} <= set(lines)
    assert not [line for line in lines if line.startswith("SYSEXT_LEVEL")]


MERGE = "mount -t overlay -o lowerdir=/work/again/usr:/work/host/usr:/usr overlay /usr && "
"""What systemd-sysext does with an extension, over a host that has a module of its own."""


@pytest.fixture
def machine(make_job: MakeJob, kernel: Path) -> Job:
    """The extension unpacked, beside a host whose index knows its own module only."""
    job = make_job({"kernel": kernel})
    made(job, "second-half")
    own = job.work / "host/usr/lib/modules" / RELEASE
    (own / "kernel").mkdir(parents=True)
    (own / "kernel/stranger.ko").write_bytes((kernel / "stranger.ko").read_bytes())
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        (own / name).touch()
    (job.work / "host/lib").symlink_to("usr/lib")
    job.sandbox.run(["depmod", "--basedir=/work/host", RELEASE])
    return job


def said(job: Job, command: str) -> str:
    """What a command prints on the machine, also where it fails."""
    return job.sandbox.read(["sh", "-c", f"{MERGE} {{ {command}; }} 2>&1 || echo status $?"]).decode()


def test_the_host_finds_its_own_modules_as_before(machine: Job) -> None:
    found = said(machine, "modprobe --show-depends stranger")
    assert found == f"insmod /lib/modules/{RELEASE}/kernel/stranger.ko \n"


def test_modprobe_runs_the_helper_for_what_the_extension_brings(machine: Job) -> None:
    found = said(machine, "modprobe --show-depends second-half")
    assert found == "install /usr/libexec/_box-modules_modprobe_helper second_half $CMDLINE_OPTS \n"


def test_the_helper_finds_the_module_that_no_index_of_the_host_has(machine: Job) -> None:
    helper = "/usr/libexec/_box-modules_modprobe_helper"
    found = said(machine, f"{helper} --dry-run --verbose second-half key=value").splitlines()
    assert found[-1].split() == ["insmod", f"/lib/modules/{RELEASE}/kernel/second-half.ko", "key=value"]


def test_what_a_module_needs_is_loaded_first_and_by_the_helper_too(machine: Job) -> None:
    """The modules are hollow, so the kernel refuses the first of them: that is the one which the other needs."""
    found = said(machine, "modprobe second-half")
    assert "could not insert 'first'" in found
    assert "not found" not in found


def test_the_helper_leaves_the_tree_as_it_was(machine: Job) -> None:
    tree = f"find /usr/lib/modules/{RELEASE} -type f | sort; wc -l < /proc/self/mountinfo"
    before = said(machine, tree)
    after = said(machine, f"modprobe second-half >/dev/null 2>&1; {tree}")
    assert before == after
    assert "second-half.ko" in before


def test_a_module_that_the_kernel_does_not_have_is_refused(make_job: MakeJob, kernel: Path) -> None:
    with pytest.raises(UnknownModules, match=r"no module `third`; `overlay` is built into the kernel"):
        made(make_job({"kernel": kernel}), "first", "third", "overlay")
