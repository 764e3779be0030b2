"""Flatcar's images are known by types and names of their partitions, whatever the sizes."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import UUID

import pytest

from distrobuild.formats import disk_layout, gpt_read
from distrobuild.formats.disk_layout import FLATCAR_RESERVED, MEBIBYTE, SECTOR, DiskLayout, PlannedPartition
from distrobuild.formats.flatcar_image import OEM, NotFlatcar, TruncatedImage, partition_of, read_table
from distrobuild.formats.gpt import Table

FLATCAR = disk_layout.flatcar()


def table(*further: PlannedPartition, **changes: object) -> Table:
    """Flatcar's partitions, of 1 MiB each, with changes to OEM and further ones."""
    small = [replace(each, size=MEBIBYTE) for each in FLATCAR.partitions]
    planned = [replace(each, **changes) if each.role == "oem" else each for each in small]  # type: ignore[arg-type]
    return DiskLayout("flatcar", (*planned, *further), MEBIBYTE, MEBIBYTE).table("release")


def disk(written: Table) -> io.BytesIO:
    file = io.BytesIO(bytes(written.sectors * SECTOR))
    written.write(file)
    return file


def test_oem_is_found_by_name_and_type() -> None:
    written = table()
    assert partition_of(read_table(disk(written), "image"), OEM, "image") == written.partition(6)


def test_another_number_or_another_size_does_not_matter() -> None:
    written = table(number=12, size=3 * MEBIBYTE)
    found = partition_of(read_table(disk(written), "image"), OEM, "image")
    assert (found.number, found.sectors) == (12, 3 * MEBIBYTE // SECTOR)


WRONG = {
    "no OEM": (table(name="oem"), "image has no partition `OEM`"),
    "OEM of another type": (
        table(type_guid=FLATCAR_RESERVED),
        f"image: partition 6 `OEM` has the type {FLATCAR_RESERVED}, not 0fc63daf-8483-4772-8e79-3d69d8477de4",
    ),
    "two": (
        table(PlannedPartition("more", 20, "OEM", disk_layout.LINUX_DATA, MEBIBYTE)),
        "image has more than one partition `OEM`",
    ),
}


@pytest.mark.parametrize(("written", "message"), WRONG.values(), ids=WRONG.keys())
def test_an_image_without_exactly_one_oem_is_refused(written: Table, message: str) -> None:
    with pytest.raises(NotFlatcar) as caught:
        read_table(disk(written), "image")
    assert caught.value.message == message


def test_an_image_that_ends_too_early_is_not_taken_for_one_with_a_damaged_table() -> None:
    whole = disk(table()).getvalue()
    sizes = f"image has {len(whole) - 512} bytes, its partition table is for {len(whole)}"
    with pytest.raises(TruncatedImage, match=sizes):
        read_table(io.BytesIO(whole[:-512]), "image")


def test_an_image_on_a_larger_disk_is_taken() -> None:
    larger = io.BytesIO(disk(table()).getvalue() + bytes(MEBIBYTE))
    assert partition_of(read_table(larger, "image"), OEM, "image").number == 6


def test_a_damaged_table_is_refused() -> None:
    damaged = bytearray(disk(table()).getvalue())
    damaged[2 * SECTOR + 20] ^= 1
    with pytest.raises(gpt_read.DamagedPartitionTable):
        read_table(io.BytesIO(damaged), "image")


def test_a_disk_without_flatcars_type_is_refused() -> None:
    other = [replace(each, size=MEBIBYTE, type_guid=UUID(int=each.number)) for each in FLATCAR.partitions]
    written = DiskLayout("other", tuple(other), MEBIBYTE, MEBIBYTE).table("other")
    with pytest.raises(NotFlatcar, match="no partition of the type of Flatcar's `/usr`"):
        read_table(disk(written), "image")
