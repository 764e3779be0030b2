"""What a disk image of Flatcar is known by, and where in it its partitions are.

Sizes say nothing: images before October 2025 have smaller partitions, those for Azure and Vagrant a larger ROOT, and a
platform's image can have more. So nothing but the table of the image itself is asked.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from distrobuild.errors import DistrobuildError
from distrobuild.formats import gpt_read
from distrobuild.formats.disk_layout import EFI_SYSTEM, FLATCAR_USR, LINUX_DATA
from distrobuild.formats.gpt import Partition, Table

ESP, SLOT_A, SLOT_B, OEM = "EFI-SYSTEM", "USR-A", "USR-B", "OEM"
TYPES = {ESP: EFI_SYSTEM, SLOT_A: FLATCAR_USR, SLOT_B: FLATCAR_USR, OEM: LINUX_DATA}
"""Partitions by name, and their types."""
PUBLISHED = "flatcar_production_image.bin.bz2"
OTHER_FORMATS = {
    b"QFI\xfb": "a qcow2 image",
    b"KDMV": "a VMware disk",
    b"conectix": "a virtual hard disk",
    b"vhdxfile": "a virtual hard disk",
    b"\x1f\x8b": "packed by gzip",
    b"\xfd7zXZ\0": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"PK\x03\x04": "a zip archive",
}
"""How files begin that Flatcar also publishes, or that somebody may have made of its image."""


class NotFlatcar(DistrobuildError):
    """A file that is no disk image of Flatcar."""


class TruncatedImage(DistrobuildError):
    """An image that ends before its partition table says so."""


def read_table(disk: BinaryIO, name: str) -> Table:
    """The partition table of an image of Flatcar, which messages call `name`.

    Raises `NotFlatcar`, `TruncatedImage`, and `DamagedPartitionTable` where the two copies of the table do not agree.
    """
    _refuse_other_formats(disk, name)
    try:
        primary = gpt_read.read(disk, use="primary")
        _refuse_truncated(disk, name, primary)
        table = gpt_read.read(disk)
    except gpt_read.NoPartitionTable as error:
        raise NotFlatcar(f"{name}: {error.message}", hint=f"a release of Flatcar is {PUBLISHED}") from error
    if not any(each.type_guid == FLATCAR_USR for each in table.partitions):
        raise NotFlatcar(f"{name} has no partition of the type of Flatcar's `/usr`", hint=_partitions(table))
    partition_of(table, OEM, name)
    return table


def partition_of(table: Table, label: str, name: str) -> Partition:
    """The partition `label`, a key of `TYPES`. Raises `NotFlatcar` if there is none, or more than one."""
    called = [each for each in table.partitions if each.name == label]
    found = [each for each in called if each.type_guid == TYPES[label]]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFlatcar(f"{name} has more than one partition `{label}`", hint=_partitions(table))
    if called:
        raise NotFlatcar(f"{name}: {called[0]} has the type {called[0].type_guid}, not {TYPES[label]}")
    raise NotFlatcar(f"{name} has no partition `{label}`", hint=_partitions(table))


def _refuse_other_formats(disk: BinaryIO, name: str) -> None:
    disk.seek(0)
    begin = disk.read(8)
    for magic, what in OTHER_FORMATS.items():
        if begin.startswith(magic):
            raise NotFlatcar(f"{name} is {what}", hint=f"take {PUBLISHED}, or what is in it")


def _refuse_truncated(disk: BinaryIO, name: str, table: Table) -> None:
    size, wanted = disk.seek(0, io.SEEK_END), (table.backup_header + 1) * table.sector_size
    if size < wanted:
        hint = "the file is not whole: fetch it again"
        raise TruncatedImage(f"{name} has {size} bytes, its partition table is for {wanted}", hint=hint)


def _partitions(table: Table) -> str:
    there = ", ".join(f"{each.number} `{each.name}`" for each in table.partitions) or "none"
    return f"its partitions are: {there}"
