"""A release image of Flatcar: unpacked only if somebody vouches for it, changed nowhere but in its partition OEM."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from distrobuild.errors import DistrobuildError
from distrobuild.formats import disk_layout, gpt_read
from distrobuild.formats.disk_layout import SECTOR
from distrobuild.formats.flatcar_image import NotFlatcar, TruncatedImage
from distrobuild.stages.official import FILE, OfficialOptions, OfficialStage, WrongImage
from distrobuild.stages.provision import MadeForAPlatform, OemTooSmall, ProvisionOptions, ProvisionStage
from distrobuild.stages.signature import BadSignature
from distrobuild.stages.stage import Job
from tests.stages.local_archive import SigningKey
from tests.stages.official_image import BTRFS, OLD, SMALL, differing, layout, pack, write_image
from tests.unit.formats.disk_images import write_btrfs

MakeJob = Callable[..., Job]
MEBIBYTE = 1 << 20
CONFIG = b'{"ignition":{"version":"3.3.0"}}\n'
ARGUMENTS = ("console=ttyS1,115200", "flatcar.autologin")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image."""
    path = tmp_path_factory.mktemp("release") / "flatcar.bin"
    write_image(path, layout(SMALL))
    return path


@pytest.fixture(scope="module")
def packed(release: Path) -> Path:
    """The same as it would be published."""
    return pack(release)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, SigningKey]:
    """That of the publisher, and that of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    return SigningKey.make(folder, "flatcar"), SigningKey.make(folder, "somebody")


def sign(key: SigningKey, path: Path, signature: Path) -> Path:
    gpg = ["gpg", "--homedir", str(key.home), "--batch", "--quiet", "--yes", "--detach-sign"]
    subprocess.run([*gpg, f"--output={signature}", str(path)], check=True)
    return signature


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpack(job: Job, **options: Any) -> Path:
    """Run the stage `official`; the disk."""
    name = job.inputs["image"].name
    OfficialStage(OfficialOptions(name=name, signed="signature" in job.inputs, **options)).run(job)
    return job.output / FILE


def provision(
    make_job: MakeJob, tmp_path: Path, image: Path, config: bytes | None = CONFIG, name: str = "provision", **more: Any
) -> Job:
    """Run the stage `provision` on an image; the job whose output has `box.raw`."""
    folders = {key: tmp_path / f"{name}-{key}" for key in ("image", "ignition")}
    for folder in folders.values():
        folder.mkdir()
    (folders["image"] / FILE).hardlink_to(image)
    if config is None:
        del folders["ignition"]
    else:
        (folders["ignition"] / "config.ign").write_bytes(config)
    job = make_job(folders, name, **more)
    ProvisionStage(ProvisionOptions(file_name="box.raw", name="box", image="box_1", kernel_arguments=ARGUMENTS)).run(
        job
    )
    return job


def oem(job: Job) -> Path:
    """The partition OEM of the provisioned image, cut out into the job's folder."""
    image, cut = job.output / "box.raw", job.work / "cut.img"
    with image.open("rb") as disk:
        partition = gpt_read.read(disk).partition("OEM")
        disk.seek(partition.first * SECTOR)
        cut.write_bytes(disk.read(partition.sectors * SECTOR))
    return cut


def debugfs(job: Job, request: str) -> str:
    return job.sandbox.read(["debugfs", "-R", request, "/work/cut.img"]).decode()


@pytest.mark.parametrize("streams", [1, 3])
def test_a_published_image_is_unpacked(make_job: MakeJob, release: Path, tmp_path: Path, streams: int) -> None:
    copy = tmp_path / "copy.bin"
    copy.hardlink_to(release)
    published = pack(copy, streams)
    disk = unpack(make_job({"image": published}), sha256=digest(published))
    assert differing(disk, release) == []
    assert disk.stat().st_blocks * 512 < 2 * MEBIBYTE


def test_an_image_that_is_unpacked_already_is_taken(make_job: MakeJob, release: Path) -> None:
    assert differing(unpack(make_job({"image": release}), sha256=digest(release)), release) == []


def test_an_image_with_another_digest_is_not_unpacked(make_job: MakeJob, packed: Path) -> None:
    job = make_job({"image": packed})
    with pytest.raises(WrongImage, match=f"flatcar.bin.bz2: sha256 is {digest(packed)}, the manifest says 000"):
        unpack(job, sha256="0" * 64)
    assert not list(job.output.iterdir())


@pytest.mark.parametrize("armoured", [False, True])
def test_a_signed_image_is_unpacked(
    make_job: MakeJob, packed: Path, release: Path, keys: tuple[SigningKey, SigningKey], tmp_path: Path, armoured: bool
) -> None:
    keyring = keys[0].keyring
    if armoured:
        keyring = tmp_path / "key.asc"
        export = ["gpg", "--homedir", str(keys[0].home), "--batch", "--armor", "--export"]
        keyring.write_bytes(subprocess.run(export, check=True, capture_output=True).stdout)
    signature = sign(keys[0], packed, tmp_path / "image.sig")
    disk = unpack(make_job({"image": packed, "signature": signature, "keyring": keyring}))
    assert differing(disk, release) == []


def test_an_image_that_somebody_else_signed_is_not_unpacked(
    make_job: MakeJob, packed: Path, keys: tuple[SigningKey, SigningKey], tmp_path: Path
) -> None:
    signature = sign(keys[1], packed, tmp_path / "image.sig")
    job = make_job({"image": packed, "signature": signature, "keyring": keys[0].keyring})
    with pytest.raises(BadSignature, match="No public key"):
        unpack(job)
    assert not list(job.output.iterdir())


def test_an_image_that_changed_after_it_was_signed_is_not_unpacked(
    make_job: MakeJob, packed: Path, keys: tuple[SigningKey, SigningKey], tmp_path: Path
) -> None:
    signature = sign(keys[0], packed, tmp_path / "image.sig")
    changed = tmp_path / "flatcar.bin.bz2"
    changed.write_bytes(packed.read_bytes() + b"\0")
    job = make_job({"image": changed, "signature": signature, "keyring": keys[0].keyring})
    with pytest.raises(BadSignature, match="BAD signature"):
        unpack(job)
    assert not list(job.output.iterdir())


def refused(make_job: MakeJob, path: Path) -> DistrobuildError:
    """What the stage says to a file that has the right digest."""
    with pytest.raises(DistrobuildError) as caught:
        unpack(make_job({"image": path}), sha256=digest(path))
    return caught.value


def test_a_packed_image_that_ends_too_early_is_an_error(make_job: MakeJob, packed: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.bz2"
    short.write_bytes(packed.read_bytes()[:-100])
    error = refused(make_job, short)
    assert isinstance(error, TruncatedImage)
    assert error.hint == "fetch it again"


def test_a_damaged_packed_image_is_an_error(make_job: MakeJob, packed: Path, tmp_path: Path) -> None:
    damaged, content = tmp_path / "damaged.bz2", bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    assert isinstance(refused(make_job, damaged), TruncatedImage)


def test_an_image_that_ends_too_early_is_an_error_with_both_sizes(
    make_job: MakeJob, release: Path, tmp_path: Path
) -> None:
    short, content = tmp_path / "short.bin", release.read_bytes()
    short.write_bytes(content[:-MEBIBYTE])
    error = refused(make_job, short)
    assert isinstance(error, TruncatedImage)
    assert f"{len(content) - MEBIBYTE} bytes, its partition table is for {len(content)}" in error.message


OTHERS: Mapping[str, tuple[bytes, str]] = {
    "qcow2": (b"QFI\xfb\0\0\0\3", "is a qcow2 image"),
    "nothing": (b"", "there is no GUID partition table"),
    "text": (b"<html>not found</html>" * 100, "there is no GUID partition table"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_that_is_no_disk_is_an_error(make_job: MakeJob, tmp_path: Path, kind: str) -> None:
    content, message = OTHERS[kind]
    path = tmp_path / "image.bin"
    path.write_bytes(content)
    error = refused(make_job, path)
    assert isinstance(error, NotFlatcar)
    assert message in error.message
    assert "flatcar_production_image.bin.bz2" in str(error.hint)


def test_a_disk_of_another_system_is_an_error(make_job: MakeJob, tmp_path: Path) -> None:
    sizes = disk_layout.SystemdSizes(esp=4 * MEBIBYTE, usr=4 * MEBIBYTE, root=4 * MEBIBYTE)
    write_oemless = disk_layout.systemd("other", "1", sizes).table("other_1")
    with (tmp_path / "other.bin").open("w+b") as disk:
        disk.truncate(write_oemless.sectors * SECTOR)
        write_oemless.write(disk)
    error = refused(make_job, tmp_path / "other.bin")
    assert isinstance(error, NotFlatcar)
    assert "no partition of the type of Flatcar's `/usr`" in error.message


def test_an_image_without_oem_is_an_error_that_names_its_partitions(make_job: MakeJob, tmp_path: Path) -> None:
    planned = layout(SMALL)
    without = [each for each in planned.partitions if each.role != "oem"]
    table = disk_layout.DiskLayout("flatcar", tuple(without), MEBIBYTE, MEBIBYTE).table("release_1")
    with (tmp_path / "image.bin").open("w+b") as disk:
        disk.truncate(table.sectors * SECTOR)
        table.write(disk)
    error = refused(make_job, tmp_path / "image.bin")
    assert isinstance(error, NotFlatcar)
    assert "has no partition `OEM`" in error.message
    assert "7 `OEM-CONFIG`" in str(error.hint)


@pytest.mark.parametrize("sizes", [SMALL, OLD, {}], ids=["small", "before October 2025", "today"])
def test_nothing_but_oem_is_changed(make_job: MakeJob, tmp_path: Path, sizes: dict[str, int]) -> None:
    image = tmp_path / "release.raw"
    partition = write_image(image, layout(sizes)).partition("OEM")
    job = provision(make_job, tmp_path, image)
    made = job.output / "box.raw"
    changed = differing(made, image)
    assert changed
    assert partition.first * SECTOR <= min(changed)
    assert max(changed) + 4096 <= (partition.last + 1) * SECTOR
    assert made.stat().st_blocks * 512 < 64 * MEBIBYTE
    content = oem(job).read_bytes()
    assert len(content) == partition.sectors * SECTOR
    assert BTRFS not in content
    assert b"OEM ends" not in content
    job.sandbox.run(["e2fsck", "-f", "-n", "/work/cut.img"])


def test_oem_has_the_config_and_the_kernels_arguments_and_nothing_else(
    make_job: MakeJob, tmp_path: Path, release: Path
) -> None:
    job = provision(make_job, tmp_path, release)
    oem(job)
    assert b"OEM\n" in job.sandbox.read(["e2label", "/work/cut.img"])
    listed = [line.split("/") for line in debugfs(job, "ls -p /").splitlines() if line]
    files = {
        fields[5]: (fields[2], fields[3], fields[4]) for fields in listed if fields[5] not in {".", "..", "lost+found"}
    }
    assert files == {"config.ign": ("100600", "0", "0"), "grub.cfg": ("100644", "0", "0")}
    assert debugfs(job, "cat config.ign").encode() == CONFIG
    assert debugfs(job, "cat grub.cfg") == 'set linux_append="console=ttyS1,115200 flatcar.autologin"\n'


def test_oem_can_be_read_by_the_grub_and_the_e2fsck_that_flatcar_has(
    make_job: MakeJob, tmp_path: Path, release: Path
) -> None:
    job = provision(make_job, tmp_path, release)
    oem(job)
    features = debugfs(job, "features").split(":")[1].split()
    assert {"extent", "filetype"} <= set(features)
    assert not {"metadata_csum_seed", "orphan_file"} & set(features)
    read = ["grub-fstest", "/work/cut.img", "cat", "(loop0)/grub.cfg"]
    assert job.sandbox.read(read).startswith(b"set linux_append=")


def test_an_image_is_the_same_whenever_it_is_made(make_job: MakeJob, tmp_path: Path, release: Path) -> None:
    first, second = (provision(make_job, tmp_path, release, name=name) for name in ("first", "second"))
    assert differing(first.output / "box.raw", second.output / "box.raw") == []
    oem(first)
    for path in ("/", "/config.ign", "/grub.cfg"):
        times = [line for line in debugfs(first, f"stat {path}").splitlines() if "time:" in line]
        assert len(times) == 4
        assert all("Thu Jan  1 00:00:00 2026" in line for line in times), times


def test_without_a_config_there_is_none_in_oem(make_job: MakeJob, tmp_path: Path, release: Path) -> None:
    job = provision(make_job, tmp_path, release, config=None)
    oem(job)
    assert "config.ign" not in debugfs(job, "ls -p /")


@pytest.mark.parametrize("held", ["empty", "many"])
def test_what_a_release_has_in_oem_is_told(make_job: MakeJob, tmp_path: Path, held: str) -> None:
    lines: list[str] = []
    image = image_with_btrfs(tmp_path / "release.raw", held)
    job = provision(make_job, tmp_path, image, log=lines.append)
    oem(job)
    job.sandbox.run(["e2fsck", "-f", "-n", "/work/cut.img"])
    told = "nothing" if held == "empty" else "file-1, file-10, "
    assert any(line.startswith(f"partition OEM is replaced; it held {told}") for line in lines)


def test_an_image_for_one_platform_is_refused_as_it_would_lose_its_files(make_job: MakeJob, tmp_path: Path) -> None:
    image = image_with_btrfs(tmp_path / "release.raw", "platform")
    with pytest.raises(MadeForAPlatform, match=r"lost: grub\.cfg, oem-release, sysext") as caught:
        provision(make_job, tmp_path, image)
    assert "flatcar_production_image.bin.bz2" in str(caught.value.hint)


def image_with_btrfs(path: Path, name: str) -> Path:
    """An image whose OEM is a file system of mkfs.btrfs."""
    table = write_image(path, layout(OLD))
    with path.open("r+b") as disk:
        write_btrfs(name, disk, table.partition("OEM").first * SECTOR)
    return path


@pytest.mark.parametrize("excess", [MEBIBYTE, -64 << 10], ids=["more than the partition", "no room for the tables"])
def test_a_config_that_does_not_fit_is_an_error_with_both_sizes(
    make_job: MakeJob, tmp_path: Path, release: Path, excess: int
) -> None:
    size = SMALL["oem"] * MEBIBYTE
    with pytest.raises(OemTooSmall, match=f"do not fit into partition `OEM`, which has {size}"):
        provision(make_job, tmp_path, release, config=b"x" * (size + excess))
