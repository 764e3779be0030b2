"""A release of Flatcar is read, and gets another kernel: three partitions change, and the boot menu names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.formats import gpt_read
from distrobuild.formats.disk_layout import FLATCAR_USR_SIZE, MEBIBYTE, SECTOR
from distrobuild.formats.flatcar_image import NotFlatcar
from distrobuild.formats.root_tar import RootTar
from distrobuild.stages.official_system import OfficialSystemOptions, OfficialSystemStage
from distrobuild.stages.provision import ProvisionOptions, ProvisionStage
from distrobuild.stages.provision_kernel import PartitionTooSmall
from distrobuild.stages.stage import Job
from tests.stages.flatcar_release import LARGE, RELEASE, write_release
from tests.stages.official_image import OLD, SMALL, differing, layout, write_image

MakeJob = Callable[..., Job]
ROOT_HASH = "0123456789abcdef" * 4
OPTIONS = ProvisionOptions(file_name="box.raw", name="box", image="box_1", kernel_arguments=("quiet",))


@pytest.fixture
def release(make_job: MakeJob) -> Path:
    """A folder with a release, as the official stage has it."""
    job = make_job({}, "release")
    kernel = job.work / "bzImage"
    kernel.write_bytes(b"Flatcar's kernel")
    image = write_release(job, kernel)
    (job.output / "official").mkdir()
    image.rename(job.output / "official/image.raw")
    return job.output / "official"


def read(make_job: MakeJob, release: Path) -> Job:
    job = make_job({"image": release}, "system")
    OfficialSystemStage(OfficialSystemOptions()).run(job)
    return job


def with_kernel(make_job: MakeJob, image: Path, kernel: int = MEBIBYTE) -> Job:
    """Provision the image with a kernel of so many bytes, and a system of a few words at both ends of its slot."""
    made = make_job({}, "made")
    for name in ("image", "transplant", "verity"):
        (made.output / name).mkdir()
    (made.output / "image/image.raw").hardlink_to(image)
    (made.output / "transplant/vmlinuz").write_bytes(b"K" * kernel)
    (made.output / "transplant/initrd.img").write_bytes(b"I" * MEBIBYTE)
    (made.output / "transplant/release").write_text("6.12.117-box-server\n")
    (made.output / "verity/roothash").write_text(f"{ROOT_HASH}\n")
    with (made.output / "verity/usr.img").open("wb") as usr:
        usr.write(b"our system begins")
        usr.seek(FLATCAR_USR_SIZE - 4)
        usr.write(b"ends")
    job = make_job({name: made.output / name for name in ("image", "transplant", "verity")}, "provision")
    ProvisionStage(OPTIONS).run(job)
    return job


def cut(job: Job, label: str) -> str:
    """A partition of the provisioned image, cut out; its path in the sandbox."""
    with (job.output / "box.raw").open("rb") as disk:
        partition = gpt_read.read(disk).partition(label)
        disk.seek(partition.first * SECTOR)
        (job.work / f"{label}.img").write_bytes(disk.read(partition.sectors * SECTOR))
    return f"/work/{label}.img"


def test_usr_is_read_with_owners_modes_and_links(make_job: MakeJob, release: Path) -> None:
    job = read(make_job, release)
    assert (job.output / "vmlinuz").read_bytes() == b"Flatcar's kernel"
    with RootTar(job.output / "usr.tar") as usr:
        secret, link = usr.lookup("bin/secret"), usr.lookup("bin/link")
        assert secret is not None
        assert link is not None
        assert (oct(secret.mode), secret.uid, secret.gid) == ("0o2750", 0, 42)
        assert usr.read("bin/secret") == b"for a group\n"
        assert link.linkname == "secret"
        assert f"lib/modules/{RELEASE}/kernel/loop.ko" in usr
        # So large that btrfs would ask whether to go on.
        large = usr.read(LARGE)
        assert large == b"all the same, and not a hole\n" * (len(large) // 29)
        assert len(large) > 159 * MEBIBYTE


def test_what_is_read_is_the_same_every_time(make_job: MakeJob, release: Path, tmp_path: Path) -> None:
    first = read(make_job, release).output / "usr.tar"
    first.rename(tmp_path / "first.tar")
    again = make_job({"image": release}, "again")
    OfficialSystemStage(OfficialSystemOptions()).run(again)
    assert (again.output / "usr.tar").read_bytes() == (tmp_path / "first.tar").read_bytes()


def test_a_slot_without_a_btrfs_is_an_error(make_job: MakeJob, tmp_path: Path) -> None:
    write_image(tmp_path / "image.raw", layout(SMALL))
    with pytest.raises(NotFlatcar, match="partition `USR-A` cannot be read: "):
        read(make_job, tmp_path)


def test_only_oem_slot_b_and_the_esp_change(make_job: MakeJob, release: Path) -> None:
    image = release / "image.raw"
    job = with_kernel(make_job, image)
    with image.open("rb") as disk:
        table = gpt_read.read(disk)
    changed = [table.partition(name) for name in ("EFI-SYSTEM", "USR-B", "OEM")]
    for offset in differing(job.output / "box.raw", image):
        assert any(each.first <= offset // SECTOR <= each.last for each in changed), offset
    with (job.output / "box.raw").open("rb") as disk:
        start = table.partition("USR-B").first * SECTOR
        disk.seek(start)
        assert disk.read(17) == b"our system begins"
        disk.seek(start + FLATCAR_USR_SIZE - 4)
        assert disk.read(4) == b"ends"


def test_flatcars_own_kernel_stays_beside_ours(make_job: MakeJob, release: Path) -> None:
    job = with_kernel(make_job, release / "image.raw")
    esp = cut(job, "EFI-SYSTEM")
    assert job.sandbox.read(["mtype", "-i", esp, "::/flatcar/vmlinuz-a"]) == b"Flatcar's kernel"
    assert job.sandbox.read(["mtype", "-i", esp, "::/flatcar/box/vmlinuz"]) == b"K" * MEBIBYTE
    assert job.sandbox.read(["mtype", "-i", esp, "::/flatcar/box/initrd.img"]) == b"I" * MEBIBYTE
    job.sandbox.run(["fsck.vfat", "-n", esp])


def test_the_boot_menu_starts_our_kernel_with_the_root_hash(make_job: MakeJob, release: Path) -> None:
    job = with_kernel(make_job, release / "image.raw")
    commands = job.sandbox.read(["debugfs", "-R", "cat grub.cfg", cut(job, "OEM")]).decode()
    (job.work / "grub.cfg").write_text(commands)
    job.sandbox.run(["grub-script-check", "/work/grub.cfg"])
    lines = [line.strip() for line in commands.splitlines()]
    assert lines[0] == 'set linux_append="quiet"'
    assert lines[-1] == "set default=box"
    assert 'menuentry "Linux 6.12.117-box-server" --id=box {' in lines
    (linux,) = (line for line in lines if line.startswith("linux "))
    with (release / "image.raw").open("rb") as disk:
        slot = gpt_read.read(disk).partition("USR-B").guid
    assert f"verity.usr=PARTUUID={slot} verity.usrhash={ROOT_HASH} $linux_cmdline" in linux


def test_a_kernel_that_has_no_room_is_an_error_with_its_size(make_job: MakeJob, release: Path) -> None:
    size = OLD["esp"] * MEBIBYTE
    with pytest.raises(PartitionTooSmall, match=f"have {size + MEBIBYTE} bytes, more than partition `EFI-SYSTEM`"):
        with_kernel(make_job, release / "image.raw", kernel=size)


def test_a_slot_that_is_too_small_is_an_error_with_both_sizes(make_job: MakeJob, tmp_path: Path) -> None:
    planned = layout(SMALL)
    write_image(tmp_path / "small.raw", replace(planned))
    with pytest.raises(PartitionTooSmall, match=f"`USR-B` has {4 * MEBIBYTE} bytes; the system takes 1073741824"):
        with_kernel(make_job, tmp_path / "small.raw")
