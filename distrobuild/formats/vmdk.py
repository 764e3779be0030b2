"""The one thing in a VMware disk that is drawn by lot: the content's number in its descriptor.

Format: VMware, Virtual Disk Format 5.0: a header of 512 bytes in a sparse extent says at which sector the embedded
descriptor stands and how many sectors it has. Numbers are little-endian; the descriptor is text.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from distrobuild.errors import DistrobuildError

SECTOR = 512
MAGIC = b"KDMV"
HEADER = struct.Struct("<4sIIQQQQ")
"""Magic, version, flags, capacity, grain size, descriptor's first sector and its number of sectors."""
CONTENT_ID = re.compile(rb"^CID=[0-9a-f]{1,8}$", re.MULTILINE)
"""Programs leave out leading zeros, so the descriptor's length is drawn by lot as well."""


class NotAVmdk(DistrobuildError):
    """A file that is not a sparse extent with an embedded descriptor."""


def set_content_id(file: BinaryIO, number: int) -> None:
    """Write `number` (32 bits) as the content's number (CID) of an open disk. Raises `NotAVmdk`."""
    file.seek(0)
    header = file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise NotAVmdk("there is no header of a sparse VMware disk")
    *_, first, sectors = HEADER.unpack(header)
    file.seek(first * SECTOR)
    room = file.read(sectors * SECTOR)
    text, replaced = CONTENT_ID.subn(f"CID={number:08x}".encode(), room.rstrip(b"\0"))
    if replaced != 1:
        raise NotAVmdk("the disk's descriptor has no CID")
    if len(text) > len(room):
        raise NotAVmdk("the disk's descriptor leaves no room for a CID")
    file.seek(first * SECTOR)
    file.write(text.ljust(len(room), b"\0"))
