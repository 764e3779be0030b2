"""A bzImage taken apart: its payload, and the initial RAM file system that was built in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable

import pytest

from distrobuild.formats import cpio
from distrobuild.formats.kernel_image import (
    NoBuiltInArchive,
    UnreadableKernel,
    built_in_archive,
    payload,
)
from tests.unit.formats.kernel_images import bz_image


def archive(*names: str, size: int = 2000) -> bytes:
    written = io.BytesIO()
    cpio.write_archive(written, [cpio.file(name, bytes(range(200)) * (size // 200)) for name in names], 0)
    return written.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "none": bytes,
}


@pytest.mark.parametrize("setup_sectors", [0, 4, 39])
def test_a_payload_is_found_and_its_packer_told(setup_sectors: int) -> None:
    packed = lzma.compress(b"the kernel")
    found = payload(bz_image(packed + struct.pack("<I", 10), setup_sectors=setup_sectors))
    assert (found.packer, found.content) == ("xz", packed)


def test_gzip_has_the_size_in_its_own_format() -> None:
    packed = gzip.compress(b"the kernel")
    assert payload(bz_image(packed)).content == packed


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (bytes(1000), "there is no `HdrS`"),
        (b"", "there is no `HdrS`"),
        (bz_image(gzip.compress(b"x"), version=0x0204), r"boot protocol 2\.04"),
        (bz_image(gzip.compress(b"x" * 100))[:-1], "the kernel was cut off: 23 of 24 bytes"),
        (bz_image(b"\x5d\x00\x00\x80something"), "packed in an unknown way; it begins with 5d 00 00 80"),
    ],
    ids=["zeros", "nothing", "old protocol", "cut off", "unknown packer"],
)
def test_what_is_no_kernel_is_an_error(image: bytes, message: str) -> None:
    with pytest.raises(UnreadableKernel, match=message):
        payload(image)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_built_in_archive_is_found_whatever_it_was_packed_with(packer: str) -> None:
    wanted = archive("init", "usr/bin/busybox")
    found = built_in_archive(b"\x7fELF code" + PACKERS[packer](wanted) + b"more code" + bytes(100))
    members = cpio.read_archive(io.BytesIO(found))
    assert [member.path for member in members] == ["init", "usr", "usr/bin", "usr/bin/busybox"]
    assert cpio.read_content(io.BytesIO(found), members[0]) == bytes(range(200)) * 10


def test_of_several_the_largest_counts_and_others_are_none() -> None:
    small, large = archive("dev", size=200), archive("init", size=4000)
    # What the kernel's own configuration looks like, and bytes that are packed by nothing.
    others = gzip.compress(b"CONFIG_64BIT=y\n" * 1000) + b"\x1f\x8b\x08 no" + b"\xfd7zXZ\0 no" + b"BZh91AY&SY no"
    assert built_in_archive(others + gzip.compress(small) + lzma.compress(large)) == large


@pytest.mark.parametrize("kernel", [b"", b"TRAILER!!!\0", archive("d", size=200), b"070701" + b"0" * 104])
def test_a_kernel_without_an_archive_is_an_error(kernel: bytes) -> None:
    with pytest.raises(NoBuiltInArchive):
        built_in_archive(kernel)
