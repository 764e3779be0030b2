"""Images that look like releases of Flatcar: its partition table, with something in every partition and between them.

No release can be fetched where this is developed. These have the layout, and nothing that boots.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from distrobuild.formats import disk_layout, gpt
from distrobuild.formats.disk_layout import MEBIBYTE, SECTOR, DiskLayout
from distrobuild.formats.sparse import data_extents

SMALL = {"esp": 4, "usr-a": 4, "usr-b": 4, "oem": 16, "oem-config": 2, "root": 4}
"""MiB of each partition: little to pack and unpack."""
OLD = {"esp": 128, "usr-a": 1024, "usr-b": 1024, "oem": 128}
"""Before October 2025."""
BTRFS = b"_BHRfS_M"
"""The magic number of what a release has in its OEM, 64 KiB and 64 bytes after its beginning."""


def layout(sizes: Mapping[str, int] | None = None) -> DiskLayout:
    """Flatcar's layout with these sizes, and one more partition of a user's."""
    flatcar = disk_layout.flatcar()
    chosen = {role: mebibytes * MEBIBYTE for role, mebibytes in (sizes or {}).items()}
    planned = [replace(each, size=chosen.get(each.role, each.size)) for each in flatcar.partitions]
    return replace(flatcar, partitions=tuple(planned), disk_alignment=2 * MEBIBYTE)


def table_of(planned: DiskLayout) -> gpt.Table:
    return planned.table("release_1")


def write_image(path: Path, planned: DiskLayout) -> gpt.Table:
    """Write an image: boot code, a word at the beginning and the end of each partition, a btrfs's magic in OEM."""
    table = table_of(planned)
    table = replace(table, mbr=b"\xeb\x63\x90 GRUB".ljust(446, b"\x90") + table.mbr[446:])
    with path.open("w+b") as disk:
        disk.truncate(table.sectors * SECTOR)
        table.write(disk)
        for partition in table.partitions:
            for sector, word in ((partition.first, "begins"), (partition.last, "ends")):
                disk.seek(sector * SECTOR)
                disk.write(f"{partition.name} {word} ".encode().ljust(SECTOR, b"."))
            # What nobody owns, just behind.
            disk.write(b"gap".ljust(SECTOR, b"-") if partition.number == 9 else b"")
        disk.seek(table.partition("OEM").first * SECTOR + (64 << 10) + 64)
        disk.write(BTRFS)
    return table


def pack(path: Path, streams: int = 1) -> Path:
    """The image packed by bzip2, in one stream or (as parallel programs do) in several."""
    content = path.read_bytes()
    step = -(-len(content) // streams)
    parts = [bz2.compress(content[start : start + step], 1) for start in range(0, len(content), step)]
    packed = path.with_name(f"{path.name}.bz2")
    packed.write_bytes(b"".join(parts))
    return packed


def differing(one: Path, other: Path) -> list[int]:
    """Offsets of the blocks (of 4 KiB) in which two images of the same size differ; holes are zeros."""
    assert one.stat().st_size == other.stat().st_size
    with one.open("rb") as first, other.open("rb") as second:
        extents = [*data_extents(first), *data_extents(second)]
        offsets = sorted({offset for start, length in extents for offset in _blocks(start, length)})
        found = []
        for offset in offsets:
            first.seek(offset)
            second.seek(offset)
            if first.read(4096) != second.read(4096):
                found.append(offset)
    return found


def _blocks(start: int, length: int) -> Iterable[int]:
    return range(start - start % 4096, start + length, 4096)
