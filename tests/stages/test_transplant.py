"""A kernel of this project in a release of Flatcar: its modules wherever Flatcar has some, and nothing else changed."""

from __future__ import annotations

import io
import lzma
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from distrobuild.formats import cpio
from distrobuild.formats.kernel_image import NoBuiltInArchive
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.stages.stage import Job
from distrobuild.stages.transplant import (
    ENGINE,
    NEEDED,
    UPDATER,
    KernelCannotStartFlatcar,
    TransplantOptions,
    TransplantStage,
)
from tests.jobs import EPOCH
from tests.stages.flatcar_release import write_files
from tests.stages.kernel_package import write_kernel
from tests.unit.formats.kernel_images import bz_image

MakeJob = Callable[..., Job]
OURS, THEIRS = "6.12.117-mlos-server", "6.6.95-flatcar"
MODULES = {"nvme": "nvme-core", "nvme-core": "", "ixgbe": "mdio", "mdio": "", "accel": ""}


@pytest.fixture
def kernel(make_job: MakeJob) -> Path:
    """What a kernel stage makes."""
    job = make_job({}, "kernel")
    write_kernel(job, OURS, MODULES, built_in=("kernel/drivers/block/loop.ko",), config=NEEDED, packed=True)
    return job.output


@pytest.fixture
def system(make_job: MakeJob) -> Path:
    """What is read out of a release: both initial RAM file systems have modules of it, and so has /usr."""
    job = make_job({}, "system")
    write_vendor_kernel(job.output / "vmlinuz", modules("usr/lib/modules", "nvme", "loop", "usb-storage"))
    engine = dict.fromkeys(modules("usr/lib/modules", "ixgbe", "nvme"), "theirs")
    write_files(job.work / "engine", {**engine, "usr/bin/ignition": "program"})
    job.sandbox.run(["mksquashfs", "/work/engine", "/work/engine.img", "-quiet", "-no-progress"])
    with TarWriter(job.output / "usr.tar", EPOCH) as usr:
        for folder in (".", "bin", "lib", "lib/modules", f"lib/modules/{THEIRS}", "lib/flatcar", "lib/systemd"):
            usr.folder(folder)
        usr.file("bin/su", b"program", mode=0o4755, owner=(0, 42))
        usr.link("bin/awk", "gawk")
        usr.file(f"lib/modules/{THEIRS}/modules.dep", b"")
        usr.file(f"lib/modules/{THEIRS}/nvme.ko", b"theirs")
        usr.file(ENGINE, (job.work / "engine.img").read_bytes())
        usr.folder("lib/systemd/system")
        usr.file(UPDATER, b"[Service]\n")
    return job.output


def modules(folder: str, *names: str) -> list[str]:
    return [f"{folder}/{THEIRS}/kernel/{name}.ko.xz" for name in names]


def write_vendor_kernel(path: Path, modules: Iterable[str]) -> None:
    """A bzImage whose payload has an initial RAM file system with these modules, a program and a link to it."""
    entries = [cpio.file(each, b"theirs") for each in modules]
    entries += [cpio.file("init", b"#!/bin/sh\n", 0o755), cpio.file("bin/busybox", b"program", 0o755)]
    entries += [cpio.hard_link("bin/sh", "bin/busybox"), cpio.device("dev/console", "character", 5, 1)]
    archive = io.BytesIO()
    cpio.write_archive(archive, entries, 0)
    unpacked = b"\x7fELF" + bytes(1000) + lzma.compress(archive.getvalue()) + b"data"
    path.write_bytes(bz_image(lzma.compress(unpacked) + struct.pack("<I", len(unpacked))))


def transplant(make_job: MakeJob, system: Path, kernel: Path, name: str = "transplant") -> Job:
    lines: list[str] = []
    job = make_job({"system": system, "kernel": kernel}, name, log=lines.append)
    TransplantStage(TransplantOptions()).run(job)
    return job


def first_of(job: Job) -> dict[str, cpio.Member]:
    archive = job.sandbox.read(["zstd", "-dc", "/out/initrd.img"])
    return {member.path: member for member in cpio.read_archive(io.BytesIO(archive))}


def second_of(job: Job) -> set[str]:
    with RootTar(job.output / "usr.tar") as usr:
        (job.work / "made.img").write_bytes(usr.read(ENGINE))
    listed = job.sandbox.read(["unsquashfs", "-lc", "/work/made.img"]).decode().splitlines()
    return {line.removeprefix("squashfs-root/") for line in listed}


def test_usr_has_all_of_our_modules_and_none_of_theirs(make_job: MakeJob, system: Path, kernel: Path) -> None:
    job = transplant(make_job, system, kernel)
    with RootTar(job.output / "usr.tar") as usr:
        there = {path for path in usr if path.startswith("lib/modules/")}
        found = {path.rpartition("/")[2] for path in there if path.endswith(".ko")}
        assert usr.read(f"lib/modules/{OURS}/modules.dep").decode().count(":") == len(MODULES)
        # Packed modules need a modprobe that knows zstd.
        assert usr.read(f"lib/modules/{OURS}/kernel/nvme.ko").startswith(b"\x7fELF")
    assert found == {f"{name}.ko" for name in MODULES}
    assert not [path for path in there if THEIRS in path]


def test_the_rest_of_usr_stays_but_for_official_updates(make_job: MakeJob, system: Path, kernel: Path) -> None:
    job = transplant(make_job, system, kernel)
    with RootTar(job.output / "usr.tar") as usr:
        (su, awk, updater) = (usr.lookup(path) for path in ("bin/su", "bin/awk", UPDATER))
        assert su is not None
        assert awk is not None
        assert updater is not None
        assert (oct(su.mode), su.uid, su.gid, usr.read("bin/su")) == ("0o4755", 0, 42, b"program")
        assert awk.linkname == "gawk"
        assert updater.linkname == "/dev/null"


def test_both_initial_ram_file_systems_have_our_modules_of_the_same_names(
    make_job: MakeJob, system: Path, kernel: Path
) -> None:
    job = transplant(make_job, system, kernel)
    first, second = first_of(job), second_of(job)
    folder = f"usr/lib/modules/{OURS}"
    # What a module needs comes along; what is built in (loop) and what the kernel does not have (usb-storage) does not.
    assert {path for path in first if path.endswith(".ko")} == {
        f"{folder}/kernel/{n}.ko" for n in ("nvme", "nvme-core")
    }
    assert {path for path in second if path.endswith(".ko")} == {
        f"{folder}/kernel/{name}.ko" for name in ("ixgbe", "mdio", "nvme", "nvme-core")
    }
    for there in (first.keys(), second):
        assert {f"{folder}/modules.dep.bin", f"{folder}/modules.builtin.bin"} <= there
        assert not [path for path in there if THEIRS in path]
    assert "usr/bin/ignition" in second
    assert first["bin/sh"].inode == first["bin/busybox"].inode
    assert first["dev/console"].device == (5, 1)
    assert oct(first["init"].mode) == "0o100755"


def test_the_result_is_the_same_whenever_it_is_made(make_job: MakeJob, system: Path, kernel: Path) -> None:
    one, other = (transplant(make_job, system, kernel, name) for name in ("one", "other"))
    for name in TransplantStage(TransplantOptions()).outputs:
        assert (one.output / name).read_bytes() == (other.output / name).read_bytes(), name


def test_a_release_of_one_step_has_no_second_initial_ram_file_system(
    make_job: MakeJob, system: Path, kernel: Path
) -> None:
    with TarWriter(system / "usr.tar", EPOCH) as usr:
        usr.folder("lib/modules")
    job = transplant(make_job, system, kernel)
    with RootTar(job.output / "usr.tar") as made:
        assert ENGINE not in made
        assert UPDATER not in made


def test_a_kernel_that_cannot_start_flatcar_is_refused_with_all_that_it_lacks(
    make_job: MakeJob, system: Path, kernel: Path
) -> None:
    config = kernel / "config"
    lacking = config.read_text().replace("CONFIG_DM_VERITY=y\n", "").replace("OVERLAY_FS=y", "OVERLAY_FS=n")
    config.write_text(lacking)
    with pytest.raises(KernelCannotStartFlatcar, match=r"start: DM_VERITY, OVERLAY_FS\n") as caught:
        transplant(make_job, system, kernel)
    assert "fragment" in str(caught.value.hint)


def test_a_kernel_of_flatcar_without_a_built_in_archive_is_an_error(
    make_job: MakeJob, system: Path, kernel: Path
) -> None:
    (system / "vmlinuz").write_bytes(bz_image(lzma.compress(b"no archive") + struct.pack("<I", 10)))
    with pytest.raises(NoBuiltInArchive):
        transplant(make_job, system, kernel)


def test_why_the_root_hash_is_not_in_the_kernel_is_told(make_job: MakeJob, system: Path, kernel: Path) -> None:
    lines: list[str] = []
    job = make_job({"system": system, "kernel": kernel}, "told", log=lines.append)
    TransplantStage(TransplantOptions()).run(job)
    assert any(
        line.startswith("the root hash of /usr comes into the boot menu, not into the kernel: ") for line in lines
    )
