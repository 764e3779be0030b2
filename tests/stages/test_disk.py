"""The stages of a disk image, each checked by the program that the format belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.formats.gpt_read import read
from distrobuild.formats.package_list import InstalledPackage, write_package_list
from distrobuild.formats.root_tar import TarWriter
from distrobuild.stages.disk import DiskOptions, DiskStage, PartitionTooLarge
from distrobuild.stages.esp import EspOptions, EspStage
from distrobuild.stages.ext4 import Ext4Options, Ext4Stage
from distrobuild.stages.ignition import Facts, IgnitionOptions, IgnitionStage, Person
from distrobuild.stages.squashfs import SquashfsOptions, SquashfsStage
from distrobuild.stages.stage import Job
from distrobuild.stages.update import UpdateOptions, UpdateStage
from distrobuild.stages.verity import FileSystemTooLarge, VerityOptions, VerityStage

MakeJob = Callable[..., Job]
MEBIBYTE = 1 << 20
FACTS = Facts(
    name="mlos",
    title="MLOS Linux",
    version="1.0.0",
    hostname="ada",
    users=(Person(name="grace", groups=("sudo",), ssh_keys=("ssh-ed25519 AAAA",)),),
    sysext="mlos-1.0.0-x86-64.raw",
    updates="https://example.org/updates",
)


def content(tmp_path: Path, files: Mapping[str, bytes]) -> Path:
    """A folder with these files, as a stage would have left them."""
    folder = tmp_path / f"input-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def disk(layout: Literal["flatcar", "systemd"], **content: str) -> DiskOptions:
    return DiskOptions(file_name="mlos.raw", layout=layout, name="mlos", version="1", content=content)


def test_nobody_but_root_writes_to_the_top_of_a_squashfs(make_job: MakeJob, tmp_path: Path) -> None:
    with TarWriter(tmp_path / "tree.tar", 0) as tar:
        tar.file("lib/os-release", b"ID=mlos")
    job = make_job({"tree": content(tmp_path, {"tree.tar": (tmp_path / "tree.tar").read_bytes()})})
    SquashfsStage(SquashfsOptions(archive="tree.tar")).run(job)
    listed = job.sandbox.read(["unsquashfs", "-lls", "/out/filesystem.squashfs"]).decode().splitlines()
    assert listed[0].startswith("drwxr-xr-x root/root")


def test_veritysetup_verifies_a_slot(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job({"filesystem": content(tmp_path, {"filesystem.squashfs": b"data" * 5000})})
    VerityStage(VerityOptions(image="mlos_1", room=1000 * 4096, together=True)).run(job)
    root_hash = (job.output / "roothash").read_text().strip()
    verify = ["veritysetup", "verify", f"--hash-offset={1000 * 4096}", "/out/usr.img", "/out/usr.img"]
    job.sandbox.run([*verify, root_hash])


def test_a_tree_for_a_partition_of_its_own_covers_the_file_system_only(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job({"filesystem": content(tmp_path, {"filesystem.squashfs": b"data" * 5000})})
    VerityStage(VerityOptions(image="mlos_1", room=1 << 30, together=False)).run(job)
    assert (job.output / "usr.img").stat().st_size == 5 * 4096
    root_hash = (job.output / "roothash").read_text().strip()
    job.sandbox.run(["veritysetup", "verify", "/out/usr.img", "/out/usr-verity.img", root_hash])


def test_systemd_finds_usr_by_the_guids_of_the_root_hash(make_job: MakeJob, tmp_path: Path) -> None:
    verity = content(tmp_path, {"roothash": b"01" * 16 + b"ab" * 16, "usr.img": b"usr", "usr-verity.img": b"tree"})
    job = make_job({"verity": verity, "partitions/usr-a": verity, "partitions/usr-verity-a": verity})
    DiskStage(disk("systemd", **{"usr-a": "usr.img", "usr-verity-a": "usr-verity.img"})).run(job)
    with (job.output / "mlos.raw").open("rb") as image:
        table = read(image)
        image.seek(table.partition("mlos_1_verity").first * 512)
        assert image.read(4) == b"tree"
    assert table.partition("mlos_1").guid == UUID("01" * 16)
    assert table.partition("mlos_1_verity").guid == UUID("ab" * 16)


def test_an_update_has_a_file_for_each_partition_named_for_systemd_sysupdate(make_job: MakeJob, tmp_path: Path) -> None:
    verity = content(tmp_path, {"roothash": b"01" * 16 + b"ab" * 16, "usr.img": b"usr", "usr-verity.img": b"tree"})
    job = make_job({"verity": verity, "uki": content(tmp_path, {"image.efi": b"kernel"})})
    UpdateStage(UpdateOptions(name="mlos", version="1.1")).run(job)
    assert sorted(path.name for path in job.output.iterdir()) == [
        "SHA256SUMS",
        "mlos_1.1.efi",
        "mlos_1.1_01010101-0101-0101-0101-010101010101.usr.raw",
        "mlos_1.1_abababab-abab-abab-abab-abababababab.usr-verity.raw",
    ]
    job.sandbox.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd="/out")


def test_a_file_system_larger_than_its_slot_is_an_error_that_says_by_how_much(
    make_job: MakeJob, tmp_path: Path
) -> None:
    packages = [InstalledPackage(name, "1", "all", "", kib) for name, kib in (("small", 1), ("large", 5 << 10))]
    install = content(tmp_path, {})
    write_package_list(install / "packages.json", packages)
    filesystem = content(tmp_path, {"filesystem.squashfs": bytes(4096 + 7)})
    job = make_job({"filesystem": filesystem, "install": install})
    with pytest.raises(FileSystemTooLarge, match=r"4103 bytes, 7 more than") as caught:
        VerityStage(VerityOptions(image="mlos_1", room=4096, together=True)).run(job)
    assert str(caught.value.hint).endswith("the largest: large (5 MiB), small (0 MiB)")
    assert not list(job.output.iterdir())


def test_the_esp_is_a_sound_fat32_with_what_uefi_starts(make_job: MakeJob, tmp_path: Path) -> None:
    programs = {name: name.encode() for name in ("image.efi", "first-boot.addon.efi", "systemd-bootx64.efi")}
    job = make_job({"uki": content(tmp_path, programs)})
    EspStage(EspOptions(image="mlos_1.0.0", label="EFI-SYSTEM", size=1024 * MEBIBYTE)).run(job)
    job.sandbox.run(["fsck.vfat", "-n", "/out/esp.img"])
    assert b"FAT32" in (job.output / "esp.img").read_bytes()[:512]
    listed = job.sandbox.read(["mdir", "-/", "-b", "-i", "/out/esp.img", "::/"]).decode().split()
    assert "::/EFI/Linux/mlos_1.0.0.efi" in listed
    assert "::/EFI/BOOT/BOOTX64.EFI" in listed
    assert "::/loader/addons/first-boot.addon.efi" in listed
    assert (job.output / "esp.img").stat().st_blocks * 512 < 8 * MEBIBYTE


def test_an_ext4_is_sound_and_the_same_whenever_it_is_made(make_job: MakeJob) -> None:
    options = Ext4Options(image="mlos_1", label="ROOT", size=64 * MEBIBYTE, folders=("usr",))
    jobs = [make_job({}, name) for name in ("first", "second")]
    for job in jobs:
        Ext4Stage(options).run(job)
    jobs[0].sandbox.run(["e2fsck", "-f", "-n", "/out/filesystem.img"])
    assert b"usr" in jobs[0].sandbox.read(["debugfs", "-R", "ls -p /", "/out/filesystem.img"])
    first, second = ((job.output / "filesystem.img").read_bytes() for job in jobs)
    assert first == second


def test_a_disk_has_each_partition_at_its_place(make_job: MakeJob, tmp_path: Path) -> None:
    esp, usr = (content(tmp_path, {"content.img": text * 1000}) for text in (b"esp", b"usr"))
    job = make_job({"partitions/esp": esp, "partitions/usr-a": usr})
    DiskStage(disk("flatcar", esp="content.img", **{"usr-a": "content.img"})).run(job)
    with (job.output / "mlos.raw").open("rb") as image:
        table = read(image)
        for number, text in ((1, b"esp"), (3, b"usr")):
            image.seek(table.partition(number).first * 512)
            assert image.read(3000) == text * 1000
    status = (job.output / "mlos.raw").stat()
    assert status.st_size == 8_455_716_864
    assert status.st_blocks * 512 < MEBIBYTE


def test_what_is_larger_than_its_partition_is_an_error(make_job: MakeJob, tmp_path: Path) -> None:
    oem = content(tmp_path, {})
    with (oem / "content.img").open("wb") as file:
        file.truncate(1024 * MEBIBYTE + 5)
    with pytest.raises(PartitionTooLarge, match="5 bytes more than partition `OEM`"):
        DiskStage(disk("flatcar", oem="content.img")).run(make_job({"partitions/oem": oem}))


def test_a_butane_config_becomes_an_ignition_config(make_job: MakeJob, tmp_path: Path) -> None:
    butane = tmp_path / "machine.bu"
    butane.write_text("variant: flatcar\nversion: 1.0.0\nstorage:\n  directories:\n    - path: /opt/models\n")
    job = make_job({"butane": butane})
    IgnitionStage(IgnitionOptions(source="machine.bu", facts=FACTS)).run(job)
    config = json.loads((job.output / "config.ign").read_text())
    assert config["ignition"]["version"] == "3.3.0"
    assert config["storage"]["directories"] == [{"path": "/opt/models"}]


def test_a_butane_config_takes_from_the_manifest_what_stands_there(make_job: MakeJob, tmp_path: Path) -> None:
    butane, files = tmp_path / "machine.bu", content(tmp_path, {"mlos-1.0.0-x86-64.raw": b"extension"})
    butane.write_text("""\
variant: flatcar
version: 1.0.0
passwd:
  users:
{% for user in users %}
    - {name: {{ user.name }}, groups: {{ user.groups | list | tojson }}}
{% endfor %}
storage:
  files:
    - {path: /etc/hostname, contents: {inline: {{ hostname }}}}
    - {path: /opt/extension.raw, contents: {local: {{ sysext }}}}
""")
    job = make_job({"butane": butane, "files": files})
    IgnitionStage(IgnitionOptions(source="machine.bu", facts=FACTS)).run(job)
    config = json.loads((job.output / "config.ign").read_text())
    assert config["passwd"]["users"] == [{"groups": ["sudo"], "name": "grace"}]
    assert [file["contents"]["source"] for file in config["storage"]["files"]] == ["data:,ada", "data:,extension"]


def test_a_name_that_the_manifest_does_not_have_is_a_mistake_with_its_line(make_job: MakeJob, tmp_path: Path) -> None:
    butane = tmp_path / "machine.bu"
    butane.write_text("variant: flatcar\nversion: 1.0.0\n# {{ host }}\n")
    with pytest.raises(InvalidInput, match=r"ignition/machine\.bu:3:1: 'host' is undefined\n.*hostname"):
        IgnitionStage(IgnitionOptions(source="ignition/machine.bu", facts=FACTS)).run(make_job({"butane": butane}))


def test_mistakes_in_a_butane_config_have_their_place(make_job: MakeJob, tmp_path: Path) -> None:
    butane = tmp_path / "machine.bu"
    butane.write_text("variant: flatcar\nversion: 1.0.0\nstorage:\n  directories:\n    - path: opt/models\n")
    with pytest.raises(InvalidInput, match=r"ignition/machine\.bu:5:"):
        IgnitionStage(IgnitionOptions(source="ignition/machine.bu", facts=FACTS)).run(make_job({"butane": butane}))
