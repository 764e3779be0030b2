"""The medium as firmware, xorriso and sha256sum see it; the files on it are small ones of the test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats.root_tar import TarWriter
from distrobuild.stages.hybrid_iso import CHECKSUMS, ELTORITO
from distrobuild.stages.iso import IsoOptions, IsoStage
from distrobuild.stages.squashfs import SquashfsOptions, SquashfsStage
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
NAME = "mlos-1.0.0-vm-amd64.iso"
OPTIONS = IsoOptions(file_name=NAME, name="mlos", title="MLOS Linux", version="1.0.0")


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """A kernel, an initial RAM file system and two layers, as far as the stage looks at them."""
    places = {name: tmp_path / "inputs" / name for name in ("install", "layers/0-root", "layers/1-image")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["install"] / "vmlinuz").write_bytes(b"kernel" * 1000)
    (places["install"] / "initrd.img").write_bytes(b"initrd" * 1000)
    for number in ("0-root", "1-image"):
        (places[f"layers/{number}"] / "filesystem.squashfs").write_bytes(number.encode() * 10000)
    return places


@pytest.fixture
def medium(make_job: MakeJob, inputs: dict[str, Path]) -> Job:
    """A job whose output is a medium, and whose work folder has its files below `files`."""
    job = make_job(inputs, "iso")
    IsoStage(OPTIONS).run(job)
    disc = ["xorriso", "-osirrox", "on", "-indev", f"/out/{NAME}"]
    job.sandbox.run([*disc, "-extract", "/", "/work/files"])
    job.sandbox.run(["chmod", "-R", "u+w", "/work/files"])
    return job


def report(job: Job, kind: str) -> str:
    return job.sandbox.read(["xorriso", "-indev", f"/out/{NAME}", kind, "plain"]).decode()


def test_bios_and_uefi_both_find_an_image_to_boot(medium: Job) -> None:
    images = report(medium, "-report_el_torito")
    assert f"/{ELTORITO}" in images
    assert "BIOS" in images
    assert "UEFI" in images


def test_a_stick_is_a_disk_with_a_boot_record_and_an_efi_partition(medium: Job) -> None:
    area = report(medium, "-report_system_area")
    assert "grub2-mbr" in area
    assert "GPT" in area
    partition = next(line for line in area.splitlines() if line.startswith("GPT type GUID") and "28732ac1" in line)
    number = partition.split(":")[1].split()[0]
    start, blocks = next(
        tuple(map(int, line.split()[-2:]))
        for line in area.splitlines()
        if line.startswith("GPT start and size") and line.split(":")[1].split()[0] == number
    )
    with (medium.output / NAME).open("rb") as stream:
        stream.seek(start * 512)
        (medium.work / "esp").write_bytes(stream.read(blocks * 512))
    listing = medium.sandbox.read(["mdir", "-i", "/work/esp", "-b", "::/EFI/BOOT"]).decode()
    assert listing.split() == ["::/EFI/BOOT/BOOTX64.EFI"]


def test_the_medium_says_what_it_is(medium: Job) -> None:
    assert (
        "Volume Id    : MLOS_1_0_0\n"
        in medium.sandbox.read(["xorriso", "-indev", f"/out/{NAME}", "-pvd_info"]).decode()
    )
    assert (medium.work / "files/.disk/info").read_text() == "MLOS Linux 1.0.0 amd64 (20260101)\n"


def test_every_file_but_the_patched_boot_image_has_a_digest_that_fits(medium: Job) -> None:
    files = medium.work / "files"
    medium.sandbox.run(["sha256sum", "--check", "--strict", CHECKSUMS], cwd="/work/files")
    listed = {line.split("  ./")[1] for line in (files / CHECKSUMS).read_text().splitlines()}
    present = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
    assert present - listed == {CHECKSUMS, ELTORITO, "boot.catalog"} & present
    assert {"live/vmlinuz", "live/0-root.squashfs", "boot/grub/grub.cfg"} <= listed


def test_layers_are_mounted_in_the_order_of_their_names(medium: Job) -> None:
    order = (medium.work / "files/live/filesystem.module").read_text()
    assert order == "0-root.squashfs\n1-image.squashfs\n"


def test_the_menu_offers_everything_and_boots_live_first(medium: Job) -> None:
    menu = medium.work / "files/boot/grub/grub.cfg"
    medium.sandbox.run(["grub-script-check", "/work/files/boot/grub/grub.cfg"])
    entries = [line.split("--id ")[1].split()[0] for line in menu.read_text().splitlines() if "menuentry" in line]
    assert entries == ["live", "live-toram", "install", "check", "serial", "firmware", "restart"]


def test_every_kernel_of_the_menu_gets_the_arguments(make_job: MakeJob, inputs: dict[str, Path]) -> None:
    job = make_job(inputs, "iso")
    IsoStage(OPTIONS.model_copy(update={"kernel_arguments": ("quiet=1", "word")})).run(job)
    disc = ["xorriso", "-osirrox", "on", "-indev", f"/out/{NAME}"]
    job.sandbox.run([*disc, "-extract", "/boot/grub/grub.cfg", "/work/grub.cfg"])
    lines = [line for line in (job.work / "grub.cfg").read_text().splitlines() if "linux /live/vmlinuz" in line]
    assert len(lines) == 4
    assert all("linux /live/vmlinuz boot=live nonetworking quiet=1 word " in line for line in lines)


def test_the_same_files_give_the_same_bytes(make_job: MakeJob, medium: Job, inputs: dict[str, Path]) -> None:
    for path in (inputs["install"], *inputs["install"].iterdir()):
        os.utime(path, (1, 1))
    before = os.umask(0o077)
    try:
        again = make_job(inputs, "another folder", cpus=1)
        IsoStage(OPTIONS).run(again)
    finally:
        os.umask(before)
    assert (again.output / NAME).read_bytes() == (medium.output / NAME).read_bytes()


def test_another_content_makes_another_medium_for_grub_to_find(
    make_job: MakeJob, medium: Job, inputs: dict[str, Path]
) -> None:
    (inputs["install"] / "initrd.img").write_bytes(b"another")
    other = make_job(inputs, "other")
    IsoStage(OPTIONS).run(other)
    (mine,) = (medium.work / "files/.disk").glob("*.uuid")
    assert mine.stem in (medium.work / "start.cfg").read_text()
    assert mine.stem not in (other.work / "start.cfg").read_text()


def test_a_squashfs_keeps_owners_modes_links_and_devices(make_job: MakeJob, tmp_path: Path) -> None:
    _write_tree(tmp_path / "tree")
    job = make_job({"tree": tmp_path / "tree"}, "squashfs")
    SquashfsStage(SquashfsOptions(exclude=("boot/initrd.img-*",))).run(job)
    listing = job.sandbox.read(["unsquashfs", "-lln", "/out/filesystem.squashfs"]).decode()
    found = {line.split(" squashfs-root")[1].split(" -> ")[0]: line.split()[:2] for line in listing.splitlines()}
    assert found["/etc/shadow"] == ["-rw-r-----", "0/42"]
    assert found["/tmp"] == ["drwxrwxrwt", "0/0"]
    assert found["/lib"][0] == "lrwxrwxrwx"
    assert "/boot/vmlinuz-1" in found
    assert "/boot/initrd.img-1" not in found


def test_a_squashfs_does_not_depend_on_processors(make_job: MakeJob, tmp_path: Path) -> None:
    _write_tree(tmp_path / "tree")
    packed = []
    for cpus in (1, 2):
        job = make_job({"tree": tmp_path / "tree"}, f"squashfs-{cpus}", cpus=cpus)
        SquashfsStage(SquashfsOptions()).run(job)
        packed.append((job.output / "filesystem.squashfs").read_bytes())
    assert packed[0] == packed[1]


def _write_tree(folder: Path) -> None:
    folder.mkdir()
    with TarWriter(folder / "rootfs.tar", 0) as tar:
        tar.folder(".")
        tar.folder("tmp", 0o1777)
        tar.file("etc/shadow", b"root:*\n", 0o640, (0, 42))
        tar.link("lib", "usr/lib")
        tar.file("boot/vmlinuz-1", b"k")
        tar.file("boot/initrd.img-1", b"i")
        for number in range(40):
            tar.file(f"usr/share/{number}", f"{number} ".encode() * 100_000)
