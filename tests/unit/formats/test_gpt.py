"""Partition tables: written as other programs write them, read whoever wrote them, mistakes found before they harm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pytest

from distrobuild.formats import gpt
from distrobuild.formats.gpt import InvalidPartitions, NoSuchPartition, Partition
from distrobuild.formats.gpt_read import DamagedPartitionTable, NoPartitionTable, read
from tests.unit.formats.disk_images import VECTORS, sector_size, write_disk

LINUX = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
DISK = UUID("55555555-5555-5555-8555-555555555555")
SECTORS = 131072
FRAKTUR_G = "\N{MATHEMATICAL FRAKTUR CAPITAL G}"
"""Takes two UTF-16 code units."""


def part(number: int, first: int = 2048, last: int = 4095, name: str = "", guid: int = 0) -> Partition:
    return Partition(number, first, last, LINUX, UUID(int=guid or number), name)


@pytest.fixture
def flatcar(tmp_path: Path) -> Iterator[BinaryIO]:
    with write_disk("flatcar", tmp_path / "disk") as disk:
        yield disk


def overwrite(disk: BinaryIO, offset: int, content: bytes) -> None:
    disk.seek(offset)
    disk.write(content)


@pytest.mark.parametrize("name", VECTORS)
def test_a_table_that_another_program_wrote_is_written_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    with write_disk(name, tmp_path / "disk") as disk, (tmp_path / "copy").open("w+b") as copy:
        copy.truncate(VECTORS[name]["bytes"])
        read(disk, sector_size=sector_size(name)).write(copy)
        for offset, _ in VECTORS[name]["chunks"]:  # all that is not zero
            disk.seek(offset)
            copy.seek(offset)
            assert copy.read(1 << 17) == disk.read(1 << 17)


@pytest.mark.parametrize("name", ["flatcar", "flatcar-before-2025-10", "debian-cloud"])
def test_a_new_table_is_what_sgdisk_writes(name: str, tmp_path: Path) -> None:
    with write_disk(name, tmp_path / "disk") as disk:
        theirs = read(disk)
    assert gpt.create(theirs.disk_guid, theirs.sectors, theirs.partitions) == theirs


def test_sparse_numbers_any_order_on_disk_and_names_in_any_script_are_read(tmp_path: Path) -> None:
    with write_disk("debian-cloud", tmp_path / "disk") as disk:
        found = [(each.number, each.first, each.sectors, each.name) for each in read(disk).partitions]
    assert found == [(1, 262144, 3932126, f"Wurzel-€-{FRAKTUR_G}"), (14, 2048, 6144, ""), (15, 8192, 253952, "")]


def test_a_moved_and_longer_array_is_read_where_the_header_says(tmp_path: Path) -> None:
    with write_disk("sgdisk-moved-256", tmp_path / "disk") as disk:
        table = read(disk)
    assert (table.primary_entries, table.partition("far").number) == (128, 200)


def test_a_disk_of_4096_byte_sectors_is_read(tmp_path: Path) -> None:
    with write_disk("fdisk-4096", tmp_path / "disk") as disk:
        partition = read(disk, sector_size=4096).partition(7)
    assert (partition.first, partition.sectors * 4096) == (256, 64 << 20)


def test_a_table_for_4096_byte_sectors_is_as_fdisk_lays_it_out(tmp_path: Path) -> None:
    with write_disk("fdisk-4096", tmp_path / "disk") as disk:
        theirs = read(disk, sector_size=4096)
    ours = gpt.create(theirs.disk_guid, theirs.sectors, theirs.partitions, sector_size=4096)
    # fdisk leaves the first usable sector at 1 MiB, and says of no disk where it ends in cylinders and heads.
    assert replace(ours, first_usable=theirs.first_usable, mbr=theirs.mbr) == theirs


def test_the_wrong_sector_size_is_explained(tmp_path: Path) -> None:
    with write_disk("fdisk-4096", tmp_path / "disk") as disk, pytest.raises(NoPartitionTable, match="4096 bytes"):
        read(disk)


def test_what_stands_in_boot_code_unused_entries_and_behind_names_survives_a_change(tmp_path: Path) -> None:
    with write_disk("sfdisk-short", tmp_path / "disk") as disk:
        table = read(disk)
        rubbish = bytearray(table.entries)
        rubbish[5 * 128 + 16 : 6 * 128] = b"\xa5" * 112  # no type, so the entry is free
        rubbish[56 + 20 : 128] = b"\xff" * 52  # behind the end of the first name
        table = replace(table, entries=bytes(rubbish), mbr=b"\xeb\x63\x90" + table.mbr[3:])
        table.write(disk)
        read(disk).with_partition(part(3, 20000, 30000, "new")).write(disk)
        after = read(disk)
    assert after.partition(1).name == "ESP"
    assert [each.number for each in after.partitions] == [1, 2, 3]
    assert after.entries[: 2 * 128] == table.entries[: 2 * 128]
    assert after.entries[3 * 128 :] == table.entries[3 * 128 :]
    assert after.mbr == table.mbr


def test_entries_longer_than_128_bytes_keep_what_follows(tmp_path: Path) -> None:
    table = gpt.create(DISK, SECTORS, [part(1)])
    wide = replace(
        table, entry_size=256, entries=(table.entries[:128] + b"\x77" * 128).ljust(64 * 256, b"\0")
    ).with_partition(part(1, 2048, 8191, "wide"))
    with (tmp_path / "disk").open("w+b") as disk:
        disk.truncate(SECTORS * 512)
        wide.write(disk)
        assert read(disk) == wide
    assert wide.entries[128:256] == b"\x77" * 128


def test_a_header_with_more_than_the_known_fields_is_kept_and_covered_by_its_checksum(tmp_path: Path) -> None:
    longer = replace(gpt.create(DISK, SECTORS, []), header_size=100, header_rest=b"new field" + bytes(411))
    with (tmp_path / "disk").open("w+b") as disk:
        disk.truncate(SECTORS * 512)
        longer.write(disk)
        assert read(disk) == longer
        overwrite(disk, 512 + 92, b"old")
        with pytest.raises(DamagedPartitionTable, match="header"):
            read(disk)


@pytest.mark.parametrize(
    ("offset", "fault"),
    [(512 + 60, "CRC32 of its header"), (1024 + 33, "CRC32 of its array of entries"), (512, "does not begin with")],
)
def test_a_damaged_primary_copy_is_named_and_the_backup_is_sound(flatcar: BinaryIO, offset: int, fault: str) -> None:
    overwrite(flatcar, offset, b"\xee")
    with pytest.raises(DamagedPartitionTable, match=f"the primary copy .*{fault}") as damage:
        read(flatcar)
    assert damage.value.sound == "backup"
    assert "the backup copy is sound" in str(damage.value)


def test_a_damaged_backup_is_named_and_the_primary_copy_is_sound(flatcar: BinaryIO) -> None:
    overwrite(flatcar, 8455716864 - 512 + 40, b"\xee")
    with pytest.raises(DamagedPartitionTable, match=r"the backup copy .*CRC32 of its header") as damage:
        read(flatcar)
    assert damage.value.sound == "primary"


def test_the_sound_copy_can_be_used_and_restores_the_other(flatcar: BinaryIO) -> None:
    whole = read(flatcar)
    overwrite(flatcar, 512, bytes(1024))
    table = read(flatcar, use="backup")
    assert table == whole
    table.write(flatcar)
    assert read(flatcar) == whole


def test_a_damaged_copy_is_not_used_even_on_request(flatcar: BinaryIO) -> None:
    overwrite(flatcar, 512 + 60, b"\xee")
    with pytest.raises(DamagedPartitionTable, match="the primary copy"):
        read(flatcar, use="primary")


def test_two_damaged_copies_are_both_reported(flatcar: BinaryIO) -> None:
    overwrite(flatcar, 512 + 60, b"\xee")
    overwrite(flatcar, 8455716864 - 512 + 40, b"\xee")
    with pytest.raises(DamagedPartitionTable, match=r"primary copy .*backup copy .*\n.*neither") as damage:
        read(flatcar)
    assert damage.value.sound is None


def test_a_disk_that_was_cut_off_is_reported_with_its_sound_copy(flatcar: BinaryIO) -> None:
    flatcar.truncate(1 << 30)
    with pytest.raises(DamagedPartitionTable, match=r"backup copy .* sector 16515071, but the disk has only 2097152"):
        read(flatcar)


def test_copies_that_differ_are_not_chosen_between(flatcar: BinaryIO) -> None:
    table = read(flatcar)
    changed = table.with_partition(replace(table.partition("USR-B"), attributes=1 << 48))
    for offset, content in changed.chunks()[:3]:
        overwrite(flatcar, offset, content)
    with pytest.raises(DamagedPartitionTable, match="sound but differ"):
        read(flatcar)
    assert read(flatcar, use="primary") == changed
    assert read(flatcar, use="backup") == table


def test_a_header_that_was_copied_to_another_place_is_refused(flatcar: BinaryIO) -> None:
    flatcar.seek(8455716864 - 512)
    backup = flatcar.read(512)
    overwrite(flatcar, 512, backup)
    with pytest.raises(DamagedPartitionTable, match="stands in sector 1 but says that it belongs into 16515071"):
        read(flatcar)


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"\xff" * 65536])
def test_a_file_without_partition_table_is_no_damaged_one(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(content)
    with (tmp_path / "disk").open("rb") as disk, pytest.raises(NoPartitionTable):
        read(disk)


def test_an_image_that_grew_is_read_by_the_place_its_header_names(flatcar: BinaryIO) -> None:
    flatcar.truncate(13212057600)
    table = read(flatcar)
    assert (table.sectors, table.backup_header) == (25804800, 16515071)
    table.grown(table.sectors).write(flatcar)
    assert read(flatcar).last_usable == 25804766


def test_growing_leaves_boot_code_and_a_hybrid_record_alone() -> None:
    table = gpt.create(DISK, SECTORS, [])
    hybrid = replace(table, mbr=b"\xeb" + table.mbr[1:462] + b"\x80" + table.mbr[463:])
    assert hybrid.grown(2 * SECTORS).mbr == hybrid.mbr
    assert replace(table, mbr=b"\xeb" + table.mbr[1:]).grown(2 * SECTORS).mbr == (
        b"\xeb" + gpt.protective_mbr(2 * SECTORS)[1:]
    )


def test_a_disk_is_not_cut() -> None:
    with pytest.raises(InvalidPartitions, match="cannot be cut"):
        gpt.create(DISK, SECTORS, []).grown(SECTORS - 1)


@pytest.mark.parametrize(
    ("partitions", "message"),
    [
        ([part(1, 2048, 4095, "a"), part(2, 4095, 5000, "b")], "2 `b` .*4095 to 5000.* overlaps partition 1 `a`"),
        ([part(1, 2048, 9000), part(2, 3000, 3001), part(3, 8000, 8001)], "partition 3 .*overlaps partition 1 "),
        ([part(1, 33, 4095)], "starts at sector 33; the first usable one is 34"),
        ([part(1, 2048, SECTORS)], "last usable one of the disk is 131038: it is 17408 bytes too large"),
        ([part(1, 2048, 2047)], "is empty"),
        ([part(3, name="a"), part(3, 5000, 6000, "b", guid=9)], "`a` and `b` have the same number 3"),
        ([part(1, guid=7), part(2, 5000, 6000, guid=7)], "partition 1 and partition 2 have the same GUID"),
        ([part(0)], "numbers of this table go from 1 to 128"),
        ([part(129)], "numbers of this table go from 1 to 128"),
        ([part(1, name="x" * 37)], "37 UTF-16 code units, and there is room for 36"),
        ([part(1, name=FRAKTUR_G * 19)], "38 UTF-16 code units"),
        ([part(1, name="a\0b")], "NUL"),
        ([replace(part(1), type_guid=UUID(int=0))], "type GUID is all zeros"),
        ([replace(part(1), attributes=1 << 64)], "64 bits"),
    ],
)
def test_a_table_that_cannot_be_is_refused(partitions: list[Partition], message: str) -> None:
    with pytest.raises(InvalidPartitions, match=message):
        gpt.create(DISK, SECTORS, partitions)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InvalidPartitions) as invalid:
        gpt.create(DISK, SECTORS, [part(1, 5, 4095, "x" * 40), part(2, 4000, SECTORS)])
    assert len(invalid.value.problems) == 4


def test_a_name_may_have_36_code_units_and_a_partition_the_last_usable_sector() -> None:
    table = gpt.create(DISK, SECTORS, [part(128, 34, 131038, FRAKTUR_G * 18)])
    assert table.partition(128).name == FRAKTUR_G * 18


def test_a_partition_takes_the_place_of_its_number_and_no_other_partitions() -> None:
    table = gpt.create(DISK, SECTORS, [part(1), part(2, 5000, 6000)])
    assert table.with_partition(part(2, 5000, 7000, "larger")).partition(2).last == 7000
    with pytest.raises(InvalidPartitions, match="overlaps"):
        table.with_partition(part(2, 4000, 7000))


def test_a_mistake_of_the_image_does_not_forbid_a_change_elsewhere() -> None:
    table = gpt.create(DISK, SECTORS, [part(1, guid=7), part(2, 5000, 6000, guid=8)])
    twice = replace(table, entries=table.entries[:16] + table.entries[144:160] + table.entries[32:])
    assert twice.partition(1).guid == twice.partition(2).guid
    assert twice.with_partition(part(3, 9000, 9999)).partition(3).sectors == 1000


@pytest.mark.parametrize(
    ("which", "message"), [("C", "no partition `C`"), (5, "no partition 5"), ("A", "more than one")]
)
def test_a_partition_that_is_not_there_once_is_an_error_with_the_list(which: int | str, message: str) -> None:
    table = gpt.create(DISK, SECTORS, [part(1, name="A"), part(2, 5000, 6000, name="A")])
    with pytest.raises(NoSuchPartition, match=rf"{message}(.|\n)*1 `A`, 2 `A`"):
        table.partition(which)


@pytest.mark.skipif(not shutil.which("sgdisk"), reason="sgdisk is not installed")
def test_sgdisk_finds_no_fault_in_a_new_table(tmp_path: Path) -> None:
    with (tmp_path / "disk").open("w+b") as disk:
        disk.truncate(SECTORS * 512)
        gpt.create(DISK, SECTORS, [part(1, name="one"), part(7, 8192, 131038, "seven")]).write(disk)
    found = subprocess.run(["sgdisk", "-v", str(tmp_path / "disk")], check=True, capture_output=True, text=True)
    assert "No problems found" in found.stdout


@pytest.mark.skipif(not shutil.which("sfdisk"), reason="sfdisk is not installed")
def test_sfdisk_reads_a_new_table_as_it_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with path.open("w+b") as disk:
        disk.truncate(SECTORS * 512)
        gpt.create(DISK, SECTORS, [part(1, name="one"), part(7, 8192, 131038, "seven")]).write(disk)
    dump = subprocess.run(["sfdisk", "--dump", str(path)], check=True, capture_output=True, text=True).stdout
    assert f"label-id: {str(DISK).upper()}" in dump
    assert f"{path}7 : start=        8192, size=      122847, type={str(LINUX).upper()}, uuid=" in dump
    assert 'name="seven"' in dump


@pytest.mark.skipif(not shutil.which("sgdisk"), reason="sgdisk is not installed")
def test_a_grown_table_is_what_sgdisk_makes_of_it(flatcar: BinaryIO, tmp_path: Path) -> None:
    flatcar.truncate(13212057600)
    ours = read(flatcar).grown(25804800)
    subprocess.run(["sgdisk", "-e", str(tmp_path / "disk")], check=True, capture_output=True)
    assert read(flatcar) == ours
