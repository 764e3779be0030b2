"""What starts a machine from the network: one archive that the kernel unpacks, and a script that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats import cpio
from distrobuild.stages.pxe import PxeOptions, PxeStage
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
STEM = "box-1.0-vm-amd64-pxe"
OPTIONS = PxeOptions(file_stem=STEM, title="Box", version="1.0", command_line=("root=tmpfs", "panic=10"))
USR = b"squashfs" * 3333


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """A kernel, an initial RAM file system of an odd number of bytes, and a /usr."""
    folders = {name: tmp_path / name for name in ("install", "usr")}
    for folder in folders.values():
        folder.mkdir()
    (folders["install"] / "vmlinuz").write_bytes(b"kernel" * 100)
    (folders["install"] / "initrd.img").write_bytes(b"compressed" * 100 + b"!")
    (folders["usr"] / "filesystem.squashfs").write_bytes(USR)
    return folders


def made(job: Job) -> dict[str, bytes]:
    PxeStage(OPTIONS).run(job)
    return {path.suffix: path.read_bytes() for path in job.output.glob(f"{STEM}.*")}


def test_the_archive_with_usr_follows_the_images_own_where_the_kernel_looks_for_it(
    make_job: MakeJob, inputs: dict[str, Path]
) -> None:
    job = make_job(inputs)
    files = made(job)
    first = (inputs["install"] / "initrd.img").read_bytes()
    start = len(first) + -len(first) % 4
    assert files[".initrd"].startswith(first)
    assert not files[".initrd"][len(first) : start].strip(b"\0")
    (job.work / "second.cpio").write_bytes(files[".initrd"][start:])
    job.sandbox.run(["sh", "-c", "cpio --extract --quiet < second.cpio"])
    assert (job.work / "usr.squashfs").read_bytes() == USR
    with (job.work / "second.cpio").open("rb") as archive:
        assert [member.path for member in cpio.read_archive(archive)] == ["usr.squashfs"]


def test_the_script_starts_the_pair_beside_it_with_the_command_line(make_job: MakeJob, inputs: dict[str, Path]) -> None:
    files = made(make_job(inputs))
    assert files[".vmlinuz"] == b"kernel" * 100
    lines = files[".ipxe"].decode().splitlines()
    assert lines[0] == "#!ipxe"
    assert f"kernel {STEM}.vmlinuz initrd={STEM}.initrd root=tmpfs panic=10 ${{ignition}}" in lines
    assert f"initrd {STEM}.initrd" in lines


def test_it_is_the_same_whenever_it_is_made(make_job: MakeJob, inputs: dict[str, Path]) -> None:
    assert made(make_job(inputs, "one")) == made(make_job(inputs, "two"))
