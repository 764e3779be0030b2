"""The root hash in a kernel file: where Flatcar reads it, and never over what a kernel needs to start."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest

from distrobuild.formats.kernel_hash import (
    NoRoomForRootHash,
    NotARootHash,
    check_room,
    read_root_hash,
    write_root_hash,
)

ROOT_HASH = "0123456789abcdef" * 4


def bzimage(pe_header: int = 0x82, place: bytes = b"Use a boot loader.\r\n\nRemove disk and press any key") -> bytes:
    """The first 1024 bytes of an x86 kernel with EFI stub."""
    image = bytearray(1024)
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, pe_header)
    image[0x40 : 0x40 + len(place)] = place
    image[pe_header : pe_header + 4] = b"PE\0\0"
    image[0x1FE:0x206] = b"\x55\xaa\xeb\x6aHdrS"
    return bytes(image)


def arm64_image(place: bytes = b"") -> bytes:
    image = bytearray(1024)
    image[:2] = b"MZ"
    image[0x38:0x40] = b"ARM\x64" + struct.pack("<I", 0x40)
    image[0x40:0x44] = b"PE\0\0"
    image[0x200 : 0x200 + len(place)] = place
    return bytes(image)


@pytest.mark.parametrize(("architecture", "image", "offset"), [("amd64", bzimage(), 64), ("arm64", arm64_image(), 512)])
def test_the_hash_stands_where_the_boot_loader_reads_it_and_nothing_else_changes(
    architecture: str, image: bytes, offset: int
) -> None:
    kernel = io.BytesIO(image)
    write_root_hash(kernel, ROOT_HASH, architecture)
    assert kernel.getvalue() == image[:offset] + ROOT_HASH.encode() + image[offset + 64 :]
    assert read_root_hash(kernel, architecture) == ROOT_HASH


@pytest.mark.parametrize(("architecture", "image"), [("amd64", bzimage()), ("arm64", arm64_image())])
def test_a_hash_replaces_an_earlier_one(architecture: str, image: bytes) -> None:
    kernel = io.BytesIO(image)
    write_root_hash(kernel, "f" * 64, architecture)
    write_root_hash(kernel, ROOT_HASH, architecture)
    assert read_root_hash(kernel, architecture) == ROOT_HASH


def test_a_kernel_without_efi_stub_has_nothing_to_lose() -> None:
    kernel = io.BytesIO(b"\xea\x05" + bzimage()[2:0x40] + bytes(64) + bzimage()[0x80:])
    write_root_hash(kernel, ROOT_HASH)
    assert read_root_hash(kernel) == ROOT_HASH


def test_a_kernel_without_a_hash_has_none() -> None:
    assert read_root_hash(io.BytesIO(bzimage())) is None
    assert read_root_hash(io.BytesIO(bzimage(place=ROOT_HASH.upper().encode()))) is None
    assert read_root_hash(io.BytesIO(b"MZ")) is None


def test_a_vanilla_kernels_pe_header_is_not_overwritten_and_the_remedy_is_told() -> None:
    kernel = io.BytesIO(bzimage(pe_header=0x40, place=b""))
    before = kernel.getvalue()
    with pytest.raises(NoRoomForRootHash, match=r"begins at byte 0x40, .* take 0x40 to 0x7f") as refusal:
        write_root_hash(kernel, ROOT_HASH)
    assert "768171d7ebbc" in str(refusal.value)
    assert kernel.getvalue() == before


@pytest.mark.parametrize("pe_header", [0x00, 0x3C, 0x7C, 0x80])
def test_a_pe_header_up_to_the_end_of_the_hash_is_refused(pe_header: int) -> None:
    image = bytearray(bzimage())
    struct.pack_into("<I", image, 0x3C, pe_header)
    with pytest.raises(NoRoomForRootHash, match=f"begins at byte {pe_header:#x}"):
        check_room(io.BytesIO(image))


@pytest.mark.parametrize("place", [b"PE\0\0\x64\x86", bytes(60) + b"PE\0\0", bytes(20) + b"MZ"])
def test_pe_data_in_the_place_of_the_hash_is_refused(place: bytes) -> None:
    with pytest.raises(NoRoomForRootHash, match="PE data"):
        check_room(io.BytesIO(bzimage(pe_header=0x100, place=place)))


@pytest.mark.parametrize(
    ("architecture", "image", "message"),
    [
        ("amd64", arm64_image(), "no bzImage"),
        ("arm64", bzimage(), "no arm64 Image"),
        ("amd64", b"", "empty or was cut off"),
        ("arm64", b"\x1f\x8b" + bytes(2000), "compressed by gzip"),
        ("arm64", arm64_image(b"\0\0code"), "bytes 0x200 to 0x23f of the kernel are in use"),
        ("riscv64", arm64_image(), "a kernel for riscv64"),
    ],
)
def test_a_file_without_a_place_for_the_hash_is_refused(architecture: str, image: bytes, message: str) -> None:
    kernel = io.BytesIO(image)
    with pytest.raises(NoRoomForRootHash, match=message):
        write_root_hash(kernel, ROOT_HASH, architecture)
    assert kernel.getvalue() == image


@pytest.mark.parametrize("text", ["", ROOT_HASH[:63], ROOT_HASH.upper(), "g" * 64, ROOT_HASH + "0", "ä" * 64])
def test_what_the_boot_loader_would_ignore_is_not_written(text: str) -> None:
    with pytest.raises(NotARootHash):
        write_root_hash(io.BytesIO(bzimage()), text)


def test_the_kernel_that_this_project_built_is_refused_or_has_the_old_message() -> None:
    """Needs a kernel in the user's store; every kernel since 6.6 has its PE header at 0x40 unless patched."""
    store = Path(os.environ.get("DISTROBUILD_STORE") or Path.home() / ".cache/distrobuild")
    kernels = sorted(store.glob("outputs/*/out/vmlinuz"))
    if not kernels:
        pytest.skip("no kernel was built on this machine")
    for kernel in kernels:
        with kernel.open("rb") as file:
            head = file.read(1024)
        if head[0x40:0x44] == b"PE\0\0":
            with pytest.raises(NoRoomForRootHash, match="begins at byte 0x40"):
                check_room(io.BytesIO(head))
        else:
            check_room(io.BytesIO(head))
