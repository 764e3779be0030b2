"""The root hash of /usr inside a kernel file, where Flatcar's boot loader looks for it.

Flatcar writes the 64 hexadecimal digits over bytes of the kernel that nothing needs, and its GRUB appends them to the
command line as `verity.usrhash=`. In a kernel from kernel.org nothing is free at that place on amd64: since 6.6 the PE
header of the EFI stub stands there, and writing over it gives a file that no firmware starts.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from distrobuild.errors import DistrobuildError

OFFSETS = {"amd64": 0x40, "arm64": 0x200}
"""Where the digits stand, in bytes, by Debian's name of the architecture."""
DIGITS = 64
ROOT_HASH = re.compile(rb"[0-9a-f]{64}")
PE_OFFSET = 0x3C
"""Where a DOS header says at which byte the PE header begins (`e_lfanew`)."""
LINUX_BOOT = 0x202
"""`HdrS` here marks a bzImage (the kernel's Documentation/arch/x86/boot.rst)."""
ARM64_MAGIC = 0x38
"""`ARM\\x64` here marks an arm64 Image (Documentation/arch/arm64/booting.rst)."""
HEAD = 0x400
"""All that is looked at, in bytes."""
REMEDY = (
    "build the kernel with upstream's commit 768171d7ebbc (x86/boot: Remove the 'bugger off' message) reverted, as"
    " Flatcar does, or leave the kernel as it is and put verity.usrhash= on its command line"
)


class NoRoomForRootHash(DistrobuildError):
    """A kernel file in which the root hash would overwrite something that is needed."""


class NotARootHash(DistrobuildError):
    """Something else than 64 lower-case hexadecimal digits; the boot loader would ignore it."""


def write_root_hash(kernel: BinaryIO, root_hash: str, architecture: str = "amd64") -> None:
    """Write the root hash into a kernel file, opened `r+b`; signing for Secure Boot comes after this.

    Raises `NotARootHash`, and `NoRoomForRootHash` if the kernel would not start any more.
    """
    digits = root_hash.encode("ascii", "replace")
    if not ROOT_HASH.fullmatch(digits):
        raise NotARootHash(f"`{root_hash}` is not a root hash: that has {DIGITS} digits of 0-9 and a-f")
    check_room(kernel, architecture)
    kernel.seek(OFFSETS[architecture])
    kernel.write(digits)


def read_root_hash(kernel: BinaryIO, architecture: str = "amd64") -> str | None:
    """The root hash in a kernel file, or None: what the boot loader would take."""
    kernel.seek(_offset(architecture))
    digits = kernel.read(DIGITS)
    return digits.decode() if ROOT_HASH.fullmatch(digits) else None


def check_room(kernel: BinaryIO, architecture: str = "amd64") -> None:
    """Raise `NoRoomForRootHash` unless a root hash can stand in this kernel file; nothing is written."""
    offset = _offset(architecture)
    kernel.seek(0)
    head = kernel.read(HEAD)
    if len(head) < HEAD:
        raise NoRoomForRootHash(f"a kernel of {len(head)} bytes: the file is empty or was cut off")
    if head.startswith(b"\x1f\x8b"):
        raise NoRoomForRootHash("the kernel is compressed by gzip", hint="unpack it first; the image needs it unpacked")
    place = head[offset : offset + DIGITS]
    if architecture == "amd64":
        _check_amd64(head, place)
    else:
        _check_arm64(head, place)


def _check_amd64(head: bytes, place: bytes) -> None:
    if head[LINUX_BOOT : LINUX_BOOT + 4] != b"HdrS":
        raise NoRoomForRootHash(
            "this is no bzImage: there is no `HdrS` at byte 0x202", hint="arch/x86/boot/bzImage is one"
        )
    if not head.startswith(b"MZ"):
        return  # without an EFI stub there are only the boot sector's first instructions and its message
    end = OFFSETS["amd64"] + DIGITS
    if (pe_header := _uint32(head, PE_OFFSET)) <= end:
        raise NoRoomForRootHash(
            f"the kernel's PE header begins at byte {pe_header:#x}, and the root hash would take 0x40 to {end - 1:#x}:"
            " it would overwrite the EFI stub",
            hint=REMEDY,
        )
    if b"PE\0\0" in place or b"MZ" in place:
        raise NoRoomForRootHash("there is PE data where the root hash would stand, bytes 0x40 to 0x7f", hint=REMEDY)


def _check_arm64(head: bytes, place: bytes) -> None:
    if head[ARM64_MAGIC : ARM64_MAGIC + 4] != b"ARM\x64":
        raise NoRoomForRootHash(
            "this is no arm64 Image: there is no `ARM\\x64` at byte 0x38", hint="arch/arm64/boot/Image is one"
        )
    # Behind the headers the file is empty up to the first section.
    if any(place) and not ROOT_HASH.fullmatch(place):
        raise NoRoomForRootHash(
            "bytes 0x200 to 0x23f of the kernel are in use", hint="put verity.usrhash= on its command line instead"
        )


def _offset(architecture: str) -> int:
    if architecture not in OFFSETS:
        raise NoRoomForRootHash(f"no place for a root hash is known in a kernel for {architecture}")
    return OFFSETS[architecture]


def _uint32(content: bytes, offset: int) -> int:
    (value,) = struct.unpack_from("<I", content, offset)
    return int(value)
