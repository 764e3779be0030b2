"""Disk formats against the programs of the tools root: what they write is read, what is written they read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from uuid import UUID

from distrobuild.formats import cpio, disk_layout
from distrobuild.formats.gpt_read import read
from distrobuild.formats.verity import Verity, derived_salt, write_tree
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
MIB = 1 << 20


def test_systemd_repart_finds_the_partitions_of_the_systemd_layout(make_job: MakeJob) -> None:
    job = make_job({})
    table = disk_layout.systemd("mlos", "1.0.0").table("mlos 1.0.0")
    with (job.work / "disk").open("w+b") as disk:
        disk.truncate(table.sectors * 512)
        table.write(disk)
    (job.work / "definitions").mkdir()
    command = ["systemd-repart", "--offline=yes", "--dry-run=yes", "--json=short", "--definitions=/work/definitions"]
    found = json.loads(job.sandbox.read([*command, "/work/disk"]))
    assert [(each["type"], each["label"], UUID(each["uuid"]), each["offset"], each["raw_size"]) for each in found] == [
        (kind, each.name, each.guid, each.first * 512, each.sectors * 512)
        for kind, each in zip(
            ("esp", "usr-x86-64", "usr-x86-64-verity", "usr-x86-64", "usr-x86-64-verity", "root-x86-64"),
            table.partitions,
            strict=True,
        )
    ]


def test_a_disk_that_systemd_repart_made_is_written_back_byte_for_byte(make_job: MakeJob) -> None:
    job = make_job({})
    definitions = job.work / "definitions"
    definitions.mkdir()
    for name, kind in (("10-esp", "esp"), ("20-root", "root"), ("30-var", "var")):
        (definitions / f"{name}.conf").write_text(f"[Partition]\nType={kind}\nSizeMinBytes=16M\nSizeMaxBytes=16M\n")
    command = ["systemd-repart", "--offline=yes", "--dry-run=no", "--empty=create", "--size=64M", "--seed=random"]
    job.sandbox.run([*command, "--definitions=/work/definitions", "/work/disk"])
    before = (job.work / "disk").read_bytes()
    with (job.work / "disk").open("r+b") as disk:
        table = read(disk)
        table.write(disk)
    assert (job.work / "disk").read_bytes() == before
    assert [each.name for each in table.partitions] == ["esp", "root-x86-64", "var"]


def test_cpio_writes_the_same_archive(make_job: MakeJob) -> None:
    job = make_job({})
    tree = job.work / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "usr.squashfs").write_bytes(b"hsqs" * 300)
    (tree / "link").symlink_to("usr.squashfs")
    job.sandbox.run(["find", "tree", "-exec", "touch", "--no-dereference", f"--date=@{job.epoch}", "{}", "+"])
    command = ["cpio", "--create", "--format=newc", "--reproducible", "--owner=0:0", "--quiet"]
    theirs = job.sandbox.read(command, cwd="/work/tree", stdin=b"etc\nlink\nusr.squashfs\n")
    ours = io.BytesIO()
    cpio.write_archive(ours, cpio.entries_of(tree), job.epoch)
    assert ours.getvalue() == theirs


def test_veritysetup_accepts_the_tree(make_job: MakeJob) -> None:
    job = make_job({})
    (job.work / "usr").write_bytes(bytes(MIB) + b"usr" * MIB + bytes(MIB))
    with (job.work / "usr").open("r+b") as usr:
        root_hash = write_tree(Verity(1280, derived_salt("x"), UUID(int=1)), usr, usr, 1280 * 4096)
    job.sandbox.run(["veritysetup", "verify", f"--hash-offset={1280 * 4096}", "/work/usr", "/work/usr", root_hash])
