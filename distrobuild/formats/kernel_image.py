"""What stands in a bzImage: the kernel proper, packed, and in that the initial RAM file system that was built in.

Format: the kernel's Documentation/arch/x86/boot.rst (the setup header), arch/x86/boot/compressed/Makefile (all packers
but gzip are followed by the size of what they packed), usr/Makefile (how the built-in archive may be packed).
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from distrobuild.errors import DistrobuildError
from distrobuild.formats import cpio

MAGIC, MAGIC_AT = b"HdrS", 0x202
SETUP_SECTORS_AT, VERSION_AT, PAYLOAD_AT = 0x1F1, 0x206, 0x248
PAYLOAD = struct.Struct("<II")
"""Where the payload begins behind the setup code, and its length, in bytes."""
FIRST_WITH_PAYLOAD = 0x0208
"""Version of the boot protocol."""
SECTOR = 512
DEFAULT_SETUP_SECTORS = 4
"""What 0 stands for."""
SIZE = 4
"""Bytes behind the packed kernel that say how large it was."""
PACKERS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x02\x21\x4c\x18": "lz4",
}
"""How a payload begins, and the program that unpacks it."""
BUILT_IN_PACKERS: dict[bytes, Callable[[memoryview], bytes]] = {
    rb"\x1f\x8b\x08": lambda packed: zlib.decompressobj(wbits=31).decompress(packed),
    rb"BZh[1-9]1AY&SY": lambda packed: bz2.BZ2Decompressor().decompress(packed),
    rb"\xfd7zXZ\x00": lambda packed: lzma.LZMADecompressor().decompress(packed),
}
"""How a built-in archive may begin, and what unpacks it, whatever follows."""
HEADER = re.compile(re.escape(cpio.MAGIC) + rb"[0-9A-Fa-f]{104}")
END = cpio.TRAILER.encode() + b"\0"
CUSTOMARY = 1024
"""Bytes of an archive with nothing but `/dev/console` and `/root`, which every kernel has (usr/default_cpio_list)."""


class UnreadableKernel(DistrobuildError):
    """A file that is no bzImage, or one that is packed in a way that is not known."""


class NoBuiltInArchive(DistrobuildError):
    """A kernel without an initial RAM file system of its own."""


@dataclass(frozen=True)
class Payload:
    """The packed kernel, and the program that unpacks it (`PACKER -dc`)."""

    packer: str
    content: bytes


def payload(image: bytes) -> Payload:
    """The packed kernel in a bzImage. Raises `UnreadableKernel`."""
    if image[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        raise UnreadableKernel("this is no bzImage: there is no `HdrS` at byte 0x202")
    (version,) = struct.unpack_from("<H", image, VERSION_AT)
    if version < FIRST_WITH_PAYLOAD:
        raise UnreadableKernel(f"a bzImage of boot protocol {version >> 8}.{version & 0xFF:02}; 2.08 or newer is known")
    offset, length = PAYLOAD.unpack_from(image, PAYLOAD_AT)
    start = ((image[SETUP_SECTORS_AT] or DEFAULT_SETUP_SECTORS) + 1) * SECTOR + offset
    content = image[start : start + length]
    if len(content) < length:
        raise UnreadableKernel(f"the kernel was cut off: {len(content)} of {length} bytes of its payload are there")
    for magic, packer in PACKERS.items():
        if content.startswith(magic):
            return Payload(packer, content if packer == "gzip" else content[:-SIZE])
    raise UnreadableKernel(f"the kernel is packed in an unknown way; it begins with {content[:8].hex(' ')}")


def built_in_archive(kernel: bytes) -> bytes:
    """The cpio archive that stands in an unpacked kernel, unpacked. Raises `NoBuiltInArchive`.

    Nothing says where it is: it is the largest of all that can be unpacked and begins as such an archive does.
    """
    found = max(_archives(kernel), key=len, default=b"")
    if len(found) <= CUSTOMARY:
        raise NoBuiltInArchive(
            "the kernel has no initial RAM file system of its own",
            hint="one that is packed by gzip, bzip2 or xz would be found, or one that is not packed",
        )
    return found


def _archives(kernel: bytes) -> Iterator[bytes]:
    whole = memoryview(kernel)
    for magic, unpack in BUILT_IN_PACKERS.items():
        for match in re.finditer(magic, kernel):
            try:
                content = unpack(whole[match.start() :])
            except (zlib.error, lzma.LZMAError, OSError, EOFError):
                continue  # bytes that only look like the beginning of something packed
            if HEADER.match(content):
                yield content
    if first := HEADER.search(kernel):
        end = kernel.find(END, first.start())
        found = kernel[first.start() : end + len(END)] if end >= 0 else b""
        yield found + bytes(-len(found) % cpio.ALIGNMENT)
