"""Reads a GUID partition table from a disk image, and says which of its two copies is sound when one is not.

Nothing is assumed about where the table's parts lie, how many entries it has or how large they are: the headers say it
(UEFI specification 2.10, section 5.3.2).
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal
from uuid import UUID

from distrobuild.errors import DistrobuildError
from distrobuild.formats.gpt import ENTRY, HEADER, PRIMARY, REVISION, SIGNATURE, Table

Copy = Literal["primary", "backup"]


class NoPartitionTable(DistrobuildError):
    """The disk has no GUID partition table."""


class DamagedPartitionTable(DistrobuildError):
    """A copy of the table is damaged, or the two differ; `sound` is the only copy that can be used, if there is one."""

    def __init__(self, message: str, sound: Copy | None, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.sound = sound


class _BadCopy(Exception):
    """What is wrong with one copy; `absent`: nothing there looks like a partition table."""

    def __init__(self, fault: str, *, absent: bool = False) -> None:
        super().__init__(fault)
        self.absent = absent


@dataclass(frozen=True)
class _Header:
    """One copy of the table, its checksums and positions checked."""

    size: int
    here: int
    other: int
    first_usable: int
    last_usable: int
    disk_guid: UUID
    entries_at: int
    entry_size: int
    entries: bytes
    rest: bytes

    @property
    def content(self) -> tuple[object, ...]:
        """What both copies must agree on."""
        return self.disk_guid, self.first_usable, self.last_usable, self.entry_size, self.entries


def read(disk: BinaryIO, *, sector_size: int = 512, use: Copy | None = None) -> Table:
    """The partition table of a disk image that can be sought.

    Both copies must be sound and say the same, unless `use` names the one to take, whatever the other looks like.
    Raises `NoPartitionTable`, and `DamagedPartitionTable` which says what is wrong and which copy is sound.
    """
    sectors = disk.seek(0, io.SEEK_END) // sector_size
    primary = _try_copy(disk, PRIMARY, sectors, sector_size)
    # The header says where the other one is; an image that grew has it no longer in the last sector.
    last = primary.other if isinstance(primary, _Header) else sectors - 1
    backup = _try_copy(disk, last, sectors, sector_size)
    chosen = _choose(primary, backup, use, _elsewhere(disk, sector_size))
    entries_at = {header.here: header.entries_at for header in (primary, backup) if isinstance(header, _Header)}
    backup_at = chosen.other if chosen.here == PRIMARY else chosen.here
    room = -(-len(chosen.entries) // sector_size)
    return Table(
        disk_guid=chosen.disk_guid,
        sectors=sectors,
        first_usable=chosen.first_usable,
        last_usable=chosen.last_usable,
        backup_header=backup_at,
        backup_entries=entries_at.get(backup_at, backup_at - room),
        entries=chosen.entries,
        mbr=_sectors(disk, 0, 1, sector_size),
        header_rest=chosen.rest,
        header_size=chosen.size,
        primary_entries=entries_at.get(PRIMARY, PRIMARY + 1),
        entry_size=chosen.entry_size,
        sector_size=sector_size,
    )


def _choose(
    primary: _Header | _BadCopy, backup: _Header | _BadCopy, use: Copy | None, elsewhere: int | None
) -> _Header:
    """The copy to take, or the reason why none can be."""
    copies: dict[Copy, _Header | _BadCopy] = {"primary": primary, "backup": backup}
    found = {name: header for name, header in copies.items() if isinstance(header, _Header)}
    faults = {name: fault for name, fault in copies.items() if isinstance(fault, _BadCopy)}
    message = "; ".join(f"the {name} copy of the partition table {fault}" for name, fault in faults.items())
    if not found and all(fault.absent for fault in faults.values()):
        hint = f"its sectors have {elsewhere} bytes: read it with that sector size" if elsewhere else None
        raise NoPartitionTable(f"there is no GUID partition table: {message}", hint=hint)
    if use in found:
        return found[use]
    if len(found) == 2:
        if found["primary"].content == found["backup"].content:
            return found["primary"]
        raise DamagedPartitionTable(
            "the two copies of the partition table are sound but differ",
            None,
            hint="somebody changed only one of them: `sgdisk --verify` shows both",
        )
    raise DamagedPartitionTable(message, next(iter(found), None), hint=_advice(found))


def _advice(found: dict[Copy, _Header]) -> str:
    for name in found:
        return f"the {name} copy is sound: `sgdisk -e` or the recovery menu of `gdisk` restores the other from it"
    return "neither copy is sound: take the image from its source again"


def _try_copy(disk: BinaryIO, here: int, sectors: int, sector_size: int) -> _Header | _BadCopy:
    try:
        return _read_copy(disk, here, sectors, sector_size)
    except _BadCopy as fault:
        return fault


def _read_copy(disk: BinaryIO, here: int, sectors: int, sector_size: int) -> _Header:
    if not 0 < here < sectors:
        raise _BadCopy(f"should be in sector {here}, but the disk has only {sectors}", absent=True)
    sector = _sectors(disk, here, 1, sector_size)
    signature, revision, size, checksum, _, own, other, first, last, guid, *array = HEADER.unpack_from(sector)
    entries_at, count, entry_size, entries_checksum = array
    if signature != SIGNATURE:
        raise _BadCopy(f"does not begin with `{SIGNATURE.decode()}` (sector {here})", absent=True)
    if not HEADER.size <= size <= sector_size:
        raise _BadCopy(f"has a header of {size} bytes")
    _compare("header", checksum, sector[:16] + bytes(4) + sector[20:size])
    if revision != REVISION:
        raise _BadCopy(f"has revision {revision >> 16}.{revision & 0xFFFF}, only 1.0 is known")
    if own != here:
        raise _BadCopy(f"stands in sector {here} but says that it belongs into {own}")
    room = -(-count * entry_size // sector_size)
    if entry_size < ENTRY.size or not 0 < entries_at <= sectors - room:
        raise _BadCopy(f"has {count} entries of {entry_size} bytes at sector {entries_at}, which cannot be")
    entries = _sectors(disk, entries_at, room, sector_size)[: count * entry_size]
    _compare("array of entries", entries_checksum, entries)
    rest = sector[HEADER.size :]
    return _Header(size, here, other, first, last, UUID(bytes_le=guid), entries_at, entry_size, entries, rest)


def _compare(what: str, expected: int, content: bytes) -> None:
    if (actual := zlib.crc32(content)) != expected:
        raise _BadCopy(f"is damaged: the CRC32 of its {what} is {actual:08x}, recorded is {expected:08x}")


def _elsewhere(disk: BinaryIO, sector_size: int) -> int | None:
    """The sector size with which there would be a header, if not this one."""
    for size in (512, 4096):
        if size != sector_size and _sectors(disk, PRIMARY, 1, size).startswith(SIGNATURE):
            return size
    return None


def _sectors(disk: BinaryIO, first: int, count: int, sector_size: int) -> bytes:
    disk.seek(first * sector_size)
    return disk.read(count * sector_size)
