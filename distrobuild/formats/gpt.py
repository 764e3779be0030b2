"""The GUID partition table of a disk image: made, read whatever program wrote it, changed, written in both copies.

Format: UEFI specification 2.10, section 5.3 (GPT disk layout) and 5.2.3 (protective MBR). A table keeps the array of
entries as it stands on the disk, so what nobody changed is written back byte for byte, understood or not.
Positions and lengths are in sectors (LBA) of `sector_size` bytes, unless a name says otherwise.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import BinaryIO
from uuid import UUID

from distrobuild.errors import DistrobuildError

SIGNATURE = b"EFI PART"
REVISION = 0x00010000
HEADER = struct.Struct("<8s4I4Q16sQ3I")
"""Signature, revision, header size, CRC, reserved, this copy, other copy, usable first and last, disk GUID, entries,
their number, size and CRC."""
ENTRY = struct.Struct("<16s16s3Q72s")
"""Type GUID, unique GUID, first and last sector, attributes, name."""
ENTRY_COUNT = 128
"""Entries of a new table: 16 KiB, the least that section 5.3.1 asks for."""
NAME_UNITS = 36
"""UTF-16 code units of a name."""
UNUSED = UUID(int=0)
"""The type of an entry that is free."""
PRIMARY = 1
"""Sector of the first header."""
MBR_RECORDS = slice(446, 510)
"""The four partition records of a master boot record; boot code stands before them."""
PROTECTIVE = 0xEE
"""The type of a record that covers a disk with a GUID partition table."""


class InvalidPartitions(DistrobuildError):
    """Partitions that cannot stand in one table; `problems` has a line for each mistake."""

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems), hint=hint)


class NoSuchPartition(DistrobuildError):
    """A partition that the table does not have."""


@dataclass(frozen=True)
class Partition:
    """One partition: its number (from 1), its sectors from `first` to `last`, both included, and what it is."""

    number: int
    first: int
    last: int
    type_guid: UUID
    guid: UUID
    """The partition's own, PARTUUID."""
    name: str = ""
    """PARTLABEL."""
    attributes: int = 0
    """64 bits: 0-2 are UEFI's, 48-63 belong to the type; see `gptprio`."""

    @property
    def sectors(self) -> int:
        """How many sectors it has."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"partition {self.number} `{self.name}`" if self.name else f"partition {self.number}"


@dataclass(frozen=True)
class Table:
    """A partition table and where its parts lie on a disk of `sectors` sectors. Made by `create` or `gpt_read.read`."""

    disk_guid: UUID
    sectors: int
    first_usable: int
    last_usable: int
    backup_header: int
    """The other header: the last sector, unless the disk grew after the table was written."""
    backup_entries: int
    entries: bytes = field(repr=False)
    """The array of entries as it stands on the disk."""
    mbr: bytes = field(repr=False)
    """Sector 0: boot code and the protective MBR."""
    header_rest: bytes = field(repr=False)
    """What follows the 92 known bytes in the header's sector; zeros, by today's specification."""
    header_size: int = HEADER.size
    primary_entries: int = PRIMARY + 1
    entry_size: int = ENTRY.size
    sector_size: int = 512

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The used entries, by number."""
        numbered = ((number, self._entry(number)) for number in range(1, len(self.entries) // self.entry_size + 1))
        return tuple(_decode(number, entry) for number, entry in numbered if any(entry[:16]))

    def partition(self, which: int | str) -> Partition:
        """The partition with this number or name. Raises `NoSuchPartition` for none, and for a name that two have."""
        found = [each for each in self.partitions if which in (each.number, each.name)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(f"{each.number} `{each.name}`" for each in self.partitions) or "none"
        what = f"`{which}`" if isinstance(which, str) else str(which)
        problem = f"more than one partition {what}" if found else f"no partition {what}"
        raise NoSuchPartition(f"the disk has {problem}", hint=f"its partitions are: {there}")

    def with_partition(self, partition: Partition) -> Table:
        """The table with the partition added, or put in the place of its number. Raises `InvalidPartitions`."""
        others = [each for each in self.partitions if each.number != partition.number]
        # What was wrong before is not this caller's mistake: only what the new partition breaks is reported.
        if problems := [text for text in _problems(self, [*others, partition]) if text not in _problems(self, others)]:
            raise InvalidPartitions(problems)
        start = (partition.number - 1) * self.entry_size
        return replace(self, entries=self.entries[:start] + _encode(partition) + self.entries[start + ENTRY.size :])

    def grown(self, sectors: int) -> Table:
        """The table for the same disk with more sectors: the backup goes to the new end, the new room is usable."""
        if sectors < self.sectors:
            raise InvalidPartitions([f"the disk has {self.sectors} sectors and cannot be cut to {sectors}"])
        room = -(-len(self.entries) // self.sector_size)
        records = self.mbr[MBR_RECORDS]
        if records[4] == PROTECTIVE and not any(records[16:]):  # not a hybrid MBR, which somebody made for a purpose
            records = protective_mbr(sectors)[MBR_RECORDS]
        return replace(
            self,
            sectors=sectors,
            last_usable=sectors - room - 2,
            backup_header=sectors - 1,
            backup_entries=sectors - 1 - room,
            mbr=self.mbr[: MBR_RECORDS.start] + records + self.mbr[MBR_RECORDS.stop :],
        )

    def chunks(self) -> list[tuple[int, bytes]]:
        """What is written where: offset in bytes, content. Both copies and sector 0."""
        places = [
            (0, self.mbr),
            (PRIMARY, self._header(PRIMARY, self.backup_header, self.primary_entries)),
            (self.primary_entries, self.entries),
            (self.backup_entries, self.entries),
            (self.backup_header, self._header(self.backup_header, PRIMARY, self.backup_entries)),
        ]
        return [(sector * self.sector_size, content) for sector, content in places]

    def write(self, disk: BinaryIO) -> None:
        """Write both copies and sector 0; nothing else on the disk is touched."""
        for offset, content in self.chunks():
            disk.seek(offset)
            disk.write(content)

    def _entry(self, number: int) -> bytes:
        start = (number - 1) * self.entry_size
        return self.entries[start : start + ENTRY.size]

    def _header(self, here: int, other: int, entries: int) -> bytes:
        fields = [SIGNATURE, REVISION, self.header_size, 0, 0, here, other, self.first_usable, self.last_usable]
        fields += [self.disk_guid.bytes_le, entries, len(self.entries) // self.entry_size, self.entry_size]
        fields += [zlib.crc32(self.entries)]
        sector = HEADER.pack(*fields) + self.header_rest
        checksum = zlib.crc32(sector[: self.header_size])  # over the header with its own CRC as zero
        return sector[:16] + checksum.to_bytes(4, "little") + sector[20:]


def create(disk_guid: UUID, sectors: int, partitions: Iterable[Partition], *, sector_size: int = 512) -> Table:
    """A new table for a disk of `sectors` sectors.

    Raises `InvalidPartitions` with every mistake: partitions that overlap or leave the disk, numbers or GUIDs given
    twice, names that are too long.
    """
    entries = bytes(ENTRY_COUNT * ENTRY.size)
    room = -(-len(entries) // sector_size)
    table = Table(
        disk_guid=disk_guid,
        sectors=sectors,
        first_usable=PRIMARY + 1 + room,
        last_usable=sectors - room - 2,
        backup_header=sectors - 1,
        backup_entries=sectors - 1 - room,
        entries=entries,
        mbr=protective_mbr(sectors, sector_size),
        header_rest=bytes(sector_size - HEADER.size),
        sector_size=sector_size,
    )
    partitions = list(partitions)
    if problems := _problems(table, partitions):
        raise InvalidPartitions(problems)
    for partition in partitions:
        table = table.with_partition(partition)
    return table


def protective_mbr(sectors: int, sector_size: int = 512) -> bytes:
    """Sector 0 without boot code: one partition of type 0xEE over the whole disk, so that old programs keep off."""
    record = struct.pack("<B3sB3s2I", 0, _chs(1), PROTECTIVE, _chs(sectors - 1), 1, min(sectors - 1, 0xFFFFFFFF))
    return (bytes(MBR_RECORDS.start) + record + bytes(48) + b"\x55\xaa").ljust(sector_size, b"\0")


def _chs(sector: int) -> bytes:
    """Head, sector and cylinder of old, for 255 heads of 63 sectors; all ones for what they cannot say (8 GiB)."""
    cylinder, rest = divmod(sector, 255 * 63)
    if cylinder > 1023:
        return b"\xff\xff\xff"
    return bytes((rest // 63, rest % 63 + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF))


def _decode(number: int, entry: bytes) -> Partition:
    type_guid, guid, first, last, attributes, name = ENTRY.unpack(entry)
    text = name.decode("utf-16-le", "surrogatepass").partition("\0")[0]
    return Partition(number, first, last, UUID(bytes_le=type_guid), UUID(bytes_le=guid), text, attributes)


def _encode(partition: Partition) -> bytes:
    name = partition.name.encode("utf-16-le", "surrogatepass")
    guids = partition.type_guid.bytes_le, partition.guid.bytes_le
    return ENTRY.pack(*guids, partition.first, partition.last, partition.attributes, name)


def _problems(table: Table, partitions: list[Partition]) -> list[str]:
    """A line for every mistake among these partitions."""
    return [
        *(text for partition in partitions for text in _own_problems(table, partition)),
        *_duplicates(partitions),
        *_overlaps(partitions),
    ]


def _own_problems(table: Table, partition: Partition) -> Iterable[str]:
    slots = len(table.entries) // table.entry_size
    if not 1 <= partition.number <= slots:
        yield f"{partition}: the numbers of this table go from 1 to {slots}"
    if partition.type_guid == UNUSED:
        yield f"{partition}: its type GUID is all zeros, which means that there is no partition"
    if partition.last < partition.first:
        yield f"{partition} is empty: it ends at sector {partition.last}, before its start {partition.first}"
    if partition.first < table.first_usable:
        yield f"{partition} starts at sector {partition.first}; the first usable one is {table.first_usable}"
    if partition.last > table.last_usable:
        beyond = (partition.last - table.last_usable) * table.sector_size
        yield (
            f"{partition} ends at sector {partition.last}; the last usable one of the disk is {table.last_usable}:"
            f" it is {beyond} bytes too large"
        )
    if (units := len(partition.name.encode("utf-16-le", "surrogatepass")) // 2) > NAME_UNITS:
        yield f"{partition}: its name has {units} UTF-16 code units, and there is room for {NAME_UNITS}"
    if "\0" in partition.name:
        yield f"partition {partition.number}: its name {partition.name!r} has a NUL, which would end it"
    if not 0 <= partition.attributes < 1 << 64:
        yield f"{partition}: its attributes {partition.attributes:#x} do not fit into 64 bits"


def _duplicates(partitions: list[Partition]) -> Iterable[str]:
    numbers: dict[int, Partition] = {}
    guids: dict[UUID, Partition] = {}
    for partition in partitions:
        if (known := numbers.setdefault(partition.number, partition)) is not partition:
            yield f"`{known.name}` and `{partition.name}` have the same number {partition.number}"
        if (known := guids.setdefault(partition.guid, partition)) is not partition:
            yield f"{known} and {partition} have the same GUID {partition.guid}"


def _overlaps(partitions: list[Partition]) -> Iterable[str]:
    furthest: Partition | None = None
    for partition in sorted(partitions, key=lambda each: each.first):
        if furthest and partition.first <= furthest.last:
            yield (
                f"{partition} (sectors {partition.first} to {partition.last}) overlaps"
                f" {furthest} (sectors {furthest.first} to {furthest.last})"
            )
        if furthest is None or partition.last > furthest.last:
            furthest = partition
