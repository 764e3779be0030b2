"""Fixed virtual hard disks (VHD), as Azure takes them: the disk's bytes, and a footer of 512 bytes behind them.

Format: Microsoft, Virtual Hard Disk Image Format Specification, 1.0 (October 2006). Numbers are big-endian.
"""

from __future__ import annotations

import struct
from uuid import UUID

FOOTER_SIZE = 512
MEBIBYTE = 1 << 20
"""Azure takes disks of whole mebibytes only."""
EPOCH = 946684800
"""2000-01-01T00:00:00Z, from which a footer counts seconds, in seconds since 1970."""
NO_OFFSET = 0xFFFFFFFFFFFFFFFF
"""A fixed disk has no further header."""
LARGEST_GEOMETRY = (65535, 16, 255)
"""Cylinders, heads and sectors that stand for no size: where they stand, readers take the size from its own field."""
CREATOR = b"qem2"
"""Of the creators that readers know as ones whose size field counts; `qemu-img -o force_size` writes it as well."""
CREATOR_VERSION = 0x00050003
CREATOR_HOST = b"Wi2k"
RESERVED_FEATURE, VERSION, FIXED = 2, 0x00010000, 2
FIELDS = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
CHECKSUM_OFFSET = 64


def footer(size: int, epoch: int, disk: UUID) -> bytes:
    """The footer of a disk of `size` bytes, made at `epoch` (seconds since 1970), with `disk` as its name.

    A time before the year 2000 becomes the start of 2000.
    """
    seconds = max(epoch - EPOCH, 0)

    def packed(checksum: int) -> bytes:
        return FIELDS.pack(
            *(b"conectix", RESERVED_FEATURE, VERSION, NO_OFFSET, seconds),
            *(CREATOR, CREATOR_VERSION, CREATOR_HOST),
            *(size, size, *LARGEST_GEOMETRY, FIXED, checksum, disk.bytes, 0),
        )

    return packed(~sum(packed(0)) & 0xFFFFFFFF)
