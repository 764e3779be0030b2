"""The medium that starts a system in memory holds what the network would give, and a menu that starts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.stages.memory_iso import MemoryIsoOptions, MemoryIsoStage
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
NAME = "box-1.0-vm-amd64.iso"
OPTIONS = MemoryIsoOptions(
    file_name=NAME, name="box", title="Box", version="1.0", command_line=("root=tmpfs", "mount.usr=/usr.squashfs")
)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """What the stage pxe made, as far as this one looks at it."""
    folder = tmp_path / "pxe"
    folder.mkdir()
    for suffix in ("vmlinuz", "initrd", "ipxe"):
        (folder / f"box-1.0-vm-amd64-pxe.{suffix}").write_text(suffix * 1000)
    return {"pxe": folder}


@pytest.fixture
def medium(make_job: MakeJob, inputs: dict[str, Path]) -> Job:
    """A job whose output is a medium, and whose work folder has its files below `files`."""
    job = make_job(inputs, "iso")
    MemoryIsoStage(OPTIONS).run(job)
    job.sandbox.run(["xorriso", "-osirrox", "on", "-indev", f"/out/{NAME}", "-extract", "/", "/work/files"])
    return job


def test_both_firmwares_find_an_image_to_boot_and_every_file_is_sound(medium: Job) -> None:
    images = medium.sandbox.read(["xorriso", "-indev", f"/out/{NAME}", "-report_el_torito", "plain"]).decode()
    assert "BIOS" in images
    assert "UEFI" in images
    medium.sandbox.run(["sha256sum", "--check", "--strict", "sha256sum.txt"], cwd="/work/files")
    assert (medium.work / "files/boot/vmlinuz").read_text() == "vmlinuz" * 1000
    assert (medium.work / "files/boot/initrd").read_text() == "initrd" * 1000


def test_the_menu_starts_the_system_with_or_without_a_config(medium: Job) -> None:
    medium.sandbox.run(["grub-script-check", "/work/files/boot/grub/grub.cfg"])
    menu = (medium.work / "files/boot/grub/grub.cfg").read_text()
    entries = [line.split("--id ")[1].split()[0] for line in menu.splitlines() if "menuentry" in line]
    assert entries == ["memory", "ignition", "firmware", "restart"]
    assert menu.count("linux /boot/vmlinuz root=tmpfs mount.usr=/usr.squashfs $consoles") == 2


def test_it_is_the_same_whenever_it_is_made(make_job: MakeJob, medium: Job, inputs: dict[str, Path]) -> None:
    again = make_job(inputs, "again", cpus=1)
    MemoryIsoStage(OPTIONS).run(again)
    assert (again.output / NAME).read_bytes() == (medium.output / NAME).read_bytes()
