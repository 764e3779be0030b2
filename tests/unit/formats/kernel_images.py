"""Files with the head of a bzImage (Documentation/arch/x86/boot.rst) around any payload."""

from __future__ import annotations

import struct


def bz_image(payload: bytes, *, setup_sectors: int = 4, version: int = 0x020F, offset: int = 0x2D8) -> bytes:
    """A bzImage; `offset` is how far behind the setup code the payload stands. 0 setup sectors stand for 4."""
    head = bytearray(((setup_sectors or 4) + 1) * 512 + offset)
    head[0x1F1] = setup_sectors
    head[0x202:0x208] = b"HdrS" + struct.pack("<H", version)
    head[0x248:0x250] = struct.pack("<II", offset, len(payload))
    return bytes(head) + payload
