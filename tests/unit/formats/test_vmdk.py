from __future__ import annotations

import io

import pytest

from distrobuild.formats.vmdk import HEADER, MAGIC, SECTOR, NotAVmdk, set_content_id

DESCRIPTOR = b"# Disk DescriptorFile\nversion=1\nCID=8c1b2a90\nparentCID=ffffffff\n"


def disk(descriptor: bytes = DESCRIPTOR) -> io.BytesIO:
    header = HEADER.pack(MAGIC, 1, 3, 2048, 128, 1, 2).ljust(SECTOR, b"\0")
    return io.BytesIO(header + descriptor.ljust(2 * SECTOR, b"\0") + b"CID=00000000\n")


@pytest.mark.parametrize("before", [b"8c1b2a90", b"1b2a90"])
def test_only_the_contents_number_changes(before: bytes) -> None:
    file = disk(DESCRIPTOR.replace(b"8c1b2a90", before))
    set_content_id(file, 0xABC)
    assert file.getvalue() == disk(DESCRIPTOR.replace(b"8c1b2a90", b"00000abc")).getvalue()


FULL = b"CID=1\n".ljust(2 * SECTOR, b"#")


@pytest.mark.parametrize(
    "file", [io.BytesIO(b""), io.BytesIO(bytes(4096)), disk(b"version=1\nparentCID=ffffffff\n"), disk(FULL)]
)
def test_another_file_is_refused_and_left_alone(file: io.BytesIO) -> None:
    before = file.getvalue()
    with pytest.raises(NotAVmdk):
        set_content_id(file, 1)
    assert file.getvalue() == before
