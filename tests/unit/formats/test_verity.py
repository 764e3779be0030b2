"""dm-verity: the trees are veritysetup's, and a changed bit is found and named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest

from distrobuild.formats.verity import (
    CorruptBlock,
    InvalidVerity,
    Verity,
    WrongRootHash,
    derived_salt,
    read_superblock,
    verify,
    write_tree,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "verity.json").read_text())
IDENTITY = UUID("01234567-89ab-5cde-8f01-23456789abcd")
BLOCKS = 300
"""Three leaves and a root."""
END = BLOCKS * 4096


def content(blocks: int, size: int = 4096) -> bytes:
    """What `vectors/verity.json` says of its data."""
    return b"".join(
        bytes(size) if number % 3 == 2 else hashlib.sha256(str(number).encode()).digest() * (size // 32)
        for number in range(blocks)
    )


@pytest.fixture
def sealed() -> tuple[io.BytesIO, str]:
    """Data with its tree behind it, and the root hash."""
    file = io.BytesIO(content(BLOCKS))
    return file, write_tree(Verity(BLOCKS, b"salt", IDENTITY), file, file, END)


def flip(file: BinaryIO, offset: int) -> None:
    file.seek(offset)
    (byte,) = file.read(1)
    file.seek(offset)
    file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['data_blocks']}x{case['data_block_size']}")
def test_tree_and_root_hash_are_those_of_veritysetup(case: dict[str, Any]) -> None:
    sizes = case["data_block_size"], case["hash_block_size"]
    verity = Verity(case["data_blocks"], bytes.fromhex(case["salt"]), IDENTITY, *sizes)
    data = io.BytesIO(content(case["data_blocks"], case["data_block_size"]))
    hashes = data if case["same_file"] else io.BytesIO()
    assert write_tree(verity, data, hashes, case["hash_offset"]) == case["root_hash"]
    area = hashes.getvalue()[case["hash_offset"] :]
    assert hashlib.sha256(area).hexdigest() == case["hash_area_sha256"]
    assert len(area) == case["hash_area_bytes"]
    assert verify(data, hashes, case["root_hash"], case["hash_offset"]) == verity


def test_flatcars_tree_has_2050_blocks() -> None:
    verity = Verity(260094, b"", IDENTITY)
    assert verity.levels == [2032, 16, 1]
    assert verity.hash_size == 2050 * 4096


def test_an_empty_slot_has_the_root_hash_of_veritysetup(tmp_path: Path) -> None:
    """Read in many pieces, which are all empty."""
    with (tmp_path / "slot").open("w+b") as slot:
        slot.truncate(100 << 20)
        root_hash = write_tree(Verity(20000, b"\xaa" * 32, UUID(int=5)), slot, slot, 20000 * 4096)
        assert slot.seek(0, io.SEEK_END) == 100 << 20
    assert root_hash == "9627a68560d5c6b9a23dccedacdd6c0899b673201a5a42063a6916a366933553"


@pytest.mark.parametrize("offset", [4096, (1 << 20) - 1])
def test_data_behind_empty_blocks_counts(offset: int) -> None:
    verity, hashes = Verity(256, b"", IDENTITY), io.BytesIO()
    empty = write_tree(verity, io.BytesIO(bytes(1 << 20)), hashes)
    data = io.BytesIO(bytes(1 << 20))
    flip(data, offset)
    assert write_tree(verity, data, io.BytesIO()) != empty
    with pytest.raises(CorruptBlock, match=f"block {offset // 4096} of the data"):
        verify(data, hashes, empty)


def test_a_superblock_says_what_was_written(sealed: tuple[io.BytesIO, str]) -> None:
    assert read_superblock(sealed[0], END) == Verity(BLOCKS, b"salt", IDENTITY)


@pytest.mark.parametrize("block", [0, 2, 127, 128, 299])
def test_a_flipped_bit_names_its_data_block(sealed: tuple[io.BytesIO, str], block: int) -> None:
    file, root_hash = sealed
    flip(file, block * 4096 + 4095)
    with pytest.raises(CorruptBlock, match=f"block {block} of the data") as corrupt:
        verify(file, file, root_hash, END)
    assert (corrupt.value.block, corrupt.value.offset) == (block, block * 4096)


def test_of_two_corrupt_blocks_the_first_is_named(sealed: tuple[io.BytesIO, str]) -> None:
    file, root_hash = sealed
    flip(file, 200 * 4096)
    flip(file, 100 * 4096)
    with pytest.raises(CorruptBlock, match="block 100 of the data"):
        verify(file, file, root_hash, END)


@pytest.mark.parametrize(("byte", "leaf"), [(0, 0), (4096 + 5, 1), (3 * 4096 - 1, 2)])
def test_a_corrupt_tree_is_named_before_the_data(sealed: tuple[io.BytesIO, str], byte: int, leaf: int) -> None:
    file, root_hash = sealed
    flip(file, END + 8192 + byte)
    with pytest.raises(CorruptBlock, match=f"block {leaf} of the hash level 0"):
        verify(file, file, root_hash, END)


def test_another_root_hash_is_no_corruption(sealed: tuple[io.BytesIO, str]) -> None:
    file, root_hash = sealed
    with pytest.raises(WrongRootHash, match=f"has the root hash {root_hash}, not {'0' * 64}"):
        verify(file, file, "0" * 64, END)


def test_another_salt_is_another_tree(sealed: tuple[io.BytesIO, str]) -> None:
    file, root_hash = sealed
    flip(file, END + 88)
    with pytest.raises(WrongRootHash):
        verify(file, file, root_hash, END)


def test_what_lies_behind_the_data_is_not_part_of_it(sealed: tuple[io.BytesIO, str]) -> None:
    file, root_hash = sealed
    file.seek(0, io.SEEK_END)
    file.write(b"more")
    assert verify(file, file, root_hash.upper(), END).data_blocks == BLOCKS


def test_data_and_tree_may_be_two_files() -> None:
    data, hashes = io.BytesIO(content(BLOCKS)), io.BytesIO()
    root_hash = write_tree(Verity(BLOCKS, b"salt", IDENTITY), data, hashes)
    assert verify(data, hashes, root_hash).salt == b"salt"
    assert data.getvalue() == content(BLOCKS)


def test_a_tree_is_never_written_over_its_data(tmp_path: Path) -> None:
    path = tmp_path / "slot"
    path.write_bytes(content(BLOCKS))
    refused = pytest.raises(InvalidVerity, match=f"would overwrite the {END} bytes of data")
    with path.open("r+b") as data, path.open("r+b") as hashes, refused:
        write_tree(Verity(BLOCKS, b"", IDENTITY), data, hashes, END - 4096)
    assert path.read_bytes() == content(BLOCKS)


def test_a_file_that_is_shorter_than_its_data_is_refused() -> None:
    file = io.BytesIO(content(BLOCKS - 1))
    with pytest.raises(InvalidVerity, match=f"the data ends too early: its last byte should be {END - 1}"):
        write_tree(Verity(BLOCKS, b"", IDENTITY), file, io.BytesIO())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((0, b"VERITY"), "no verity superblock at byte 1228800"),
        ((8, b"\2"), "version 2"),
        ((12, b"\0"), "hash type 0"),
        ((32, b"sha512"), "algorithm `sha512`"),
        ((80, b"\1\1"), "salt of 257 bytes"),
        ((64, b"\0\0\3"), "block of 196608 bytes"),
        ((72, bytes(8)), "0 data blocks"),
    ],
)
def test_a_superblock_that_cannot_be_used_is_refused(
    sealed: tuple[io.BytesIO, str], change: tuple[int, bytes], message: str
) -> None:
    file, root_hash = sealed
    file.seek(END + change[0])
    file.write(change[1])
    with pytest.raises(InvalidVerity, match=message):
        verify(file, file, root_hash, END)


@pytest.mark.parametrize("offset", [1, 511, END + 100])
def test_an_odd_hash_offset_is_refused(offset: int) -> None:
    with pytest.raises(InvalidVerity, match="not a multiple of 512"):
        write_tree(Verity(BLOCKS, b"", IDENTITY), io.BytesIO(content(BLOCKS)), io.BytesIO(), offset)


@pytest.mark.parametrize("text", ["", "0" * 63, "g" * 64, "0" * 64 + "\n"])
def test_what_is_no_root_hash_is_refused(sealed: tuple[io.BytesIO, str], text: str) -> None:
    with pytest.raises(InvalidVerity, match="not a root hash"):
        verify(sealed[0], sealed[0], text, END)


def test_a_salt_of_more_than_256_bytes_is_refused() -> None:
    with pytest.raises(InvalidVerity, match="257 bytes"):
        Verity(1, bytes(257), IDENTITY)


def test_a_derived_salt_depends_on_its_seed_and_never_changes() -> None:
    assert derived_salt("mlos 1.0.0") != derived_salt("mlos 1.0.1")
    assert derived_salt("mlos 1.0.0").hex() == "0d03bdab4fc557b273468ae4a9239c55f7eee6e365331f996416503399f13685"


@pytest.mark.skipif(not shutil.which("veritysetup"), reason="veritysetup is not installed")
def test_veritysetup_accepts_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "slot"
    path.write_bytes(content(BLOCKS))
    with path.open("r+b") as file:
        root_hash = write_tree(Verity(BLOCKS, derived_salt("x"), IDENTITY), file, file, END)
    command = ["veritysetup", "verify", f"--hash-offset={END}", str(path), str(path), root_hash]
    subprocess.run(command, check=True, capture_output=True)
