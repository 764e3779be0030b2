"""dm-verity: the hash tree over a read-only file system, and the superblock that describes it.

Formats: the kernel's Documentation/admin-guide/device-mapper/verity.rst for the tree; cryptsetup's superblock, version
1, as `veritysetup` writes it. SHA-256 with a salt before each block (hash type 1). All files are streamed,
a megabyte at a time.

The tree may stand in the file of the data, behind it, which is how Flatcar keeps both in one partition.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from typing import BinaryIO
from uuid import UUID

from distrobuild.errors import DistrobuildError

SUPERBLOCK = struct.Struct("<8s2I16s32s2IQH6x256s168x")
"""Signature, version, hash type, UUID, algorithm, data and hash block size, data blocks, salt size, salt."""
SIGNATURE = b"verity\0\0"
VERSION = 1
HASH_TYPE = 1
"""0 was Chrome OS' first format, with the salt behind the block."""
ALGORITHM = "sha256"
DIGEST_SIZE = 32
BLOCK_SIZE = 4096
"""What the kernel's page size asks for on every machine that distrobuild knows."""
MAX_SALT = 256
READ_SIZE = 1 << 20


class InvalidVerity(DistrobuildError):
    """Sizes, salt or a superblock that dm-verity cannot work with."""


class CorruptBlock(DistrobuildError):
    """The first block that does not have its recorded digest: `block` counts from 0 in `area`, `offset` is in bytes."""

    def __init__(self, area: str, block: int, offset: int) -> None:
        self.area, self.block, self.offset = area, block, offset
        super().__init__(
            f"block {block} of the {area} (at byte {offset}) is corrupt: its digest is not the recorded one"
        )


class WrongRootHash(DistrobuildError):
    """The tree is another one than the root hash names."""


@dataclass(frozen=True)
class Verity:
    """What a superblock says: how many blocks of data there are, and how they are hashed. Sizes in bytes."""

    data_blocks: int
    salt: bytes
    uuid: UUID
    data_block_size: int = BLOCK_SIZE
    hash_block_size: int = BLOCK_SIZE

    def __post_init__(self) -> None:
        if self.data_blocks < 1:
            raise InvalidVerity(f"{self.data_blocks} data blocks: there is nothing to protect")
        if len(self.salt) > MAX_SALT:
            raise InvalidVerity(f"the salt has {len(self.salt)} bytes, and there is room for {MAX_SALT}")
        for size in (self.data_block_size, self.hash_block_size):
            if not 512 <= size <= 65536 or size & size - 1:
                raise InvalidVerity(f"a block of {size} bytes: only powers of two from 512 to 65536 will do")

    @property
    def data_size(self) -> int:
        """Bytes of data that are protected."""
        return self.data_blocks * self.data_block_size

    @property
    def levels(self) -> list[int]:
        """Hash blocks of each level of the tree, the leaves first. None for one block: its digest is the root hash."""
        fan_out = self.hash_block_size // DIGEST_SIZE
        blocks, levels = self.data_blocks, list[int]()
        while blocks > 1:
            blocks = -(-blocks // fan_out)
            levels.append(blocks)
        return levels

    @property
    def hash_size(self) -> int:
        """Bytes of superblock and tree together, if the hash offset is a multiple of the hash block size."""
        return self.tree_offset(0) + sum(self.levels) * self.hash_block_size

    def tree_offset(self, hash_offset: int) -> int:
        """Where the tree begins, in bytes: with the next whole block behind the superblock."""
        return -(-(hash_offset + SUPERBLOCK.size) // self.hash_block_size) * self.hash_block_size

    def superblock(self) -> bytes:
        """The 512 bytes that stand at the hash offset."""
        algorithm, sizes = ALGORITHM.encode(), (self.data_block_size, self.hash_block_size)
        counts = self.data_blocks, len(self.salt)
        return SUPERBLOCK.pack(SIGNATURE, VERSION, HASH_TYPE, self.uuid.bytes, algorithm, *sizes, *counts, self.salt)


def read_superblock(file: BinaryIO, hash_offset: int = 0) -> Verity:
    """The superblock at `hash_offset` bytes of a file. Raises `InvalidVerity`."""
    file.seek(hash_offset)
    content = file.read(SUPERBLOCK.size)
    if len(content) < SUPERBLOCK.size or not content.startswith(SIGNATURE):
        raise InvalidVerity(f"there is no verity superblock at byte {hash_offset}")
    _, version, hash_type, uuid, name, data_size, hash_size, blocks, salt_size, salt = SUPERBLOCK.unpack(content)
    algorithm = name.partition(b"\0")[0].decode("ascii", "replace")
    if (version, hash_type, algorithm) != (VERSION, HASH_TYPE, ALGORITHM):
        raise InvalidVerity(
            f"the verity superblock is of version {version}, hash type {hash_type}, algorithm `{algorithm}`",
            hint=f"only version {VERSION}, hash type {HASH_TYPE}, `{ALGORITHM}` is supported",
        )
    if salt_size > MAX_SALT:
        raise InvalidVerity(f"the verity superblock claims a salt of {salt_size} bytes; there is room for {MAX_SALT}")
    return Verity(blocks, salt[:salt_size], UUID(bytes=uuid), data_size, hash_size)


def write_tree(verity: Verity, data: BinaryIO, hashes: BinaryIO, hash_offset: int = 0) -> str:
    """Write superblock and tree to `hashes` at `hash_offset` bytes; return the root hash, in hexadecimal.

    `data`, read from its beginning, may be the same file (opened `r+b`); the tree must then stand behind the data.
    Raises `InvalidVerity` for an offset that cannot be, and for a file that is shorter than its data.
    """
    if hash_offset % SUPERBLOCK.size:
        raise InvalidVerity(f"the hash offset {hash_offset} is not a multiple of {SUPERBLOCK.size}")
    if hash_offset < verity.data_size and _same_file(data, hashes):
        raise InvalidVerity(f"the hash tree at byte {hash_offset} would overwrite the {verity.data_size} bytes of data")
    hashes.seek(hash_offset)
    hashes.write(verity.superblock().ljust(verity.tree_offset(hash_offset) - hash_offset, b"\0"))
    *below, top = _areas(verity, data, hashes, hash_offset)
    for area, level in pairwise((*below, top)):
        _write_level(level, area.digests(verity.salt))
    (root,) = top.digests(verity.salt)
    hashes.flush()
    return root.hex()


def verify(data: BinaryIO, hashes: BinaryIO, root_hash: str, hash_offset: int = 0) -> Verity:
    """Compare every block with the tree, from the root down; return the superblock.

    Raises `WrongRootHash` if the tree is not the one of `root_hash`, `CorruptBlock` for the first block that differs,
    `InvalidVerity` if there is no tree or a file is too short.
    """
    if not re.fullmatch("[0-9a-fA-F]{64}", root_hash):
        raise InvalidVerity(f"`{root_hash}` is not a root hash: that has 64 hexadecimal digits")
    verity = read_superblock(hashes, hash_offset)
    areas = _areas(verity, data, hashes, hash_offset)[::-1]
    expected: Iterable[bytes] = [bytes.fromhex(root_hash)]
    for area in areas:
        # A level's last block is filled up with zeros, so there may be more recorded digests than blocks.
        for number, (digest, recorded) in enumerate(zip(area.digests(verity.salt), expected, strict=False)):
            if digest == recorded:
                continue
            if area is areas[0]:
                raise WrongRootHash(f"the hash tree has the root hash {digest.hex()}, not {root_hash.lower()}")
            raise CorruptBlock(area.name, number, area.offset + number * area.size)
        expected = area.recorded()
    return verity


def derived_salt(seed: str) -> bytes:
    """32 bytes that depend on `seed` only: two builds of one image get one root hash."""
    return hashlib.sha256(f"distrobuild verity salt {seed}".encode()).digest()


@dataclass(frozen=True)
class _Area:
    """The data, or one level of the tree: `count` blocks of `size` bytes from `offset` in a file."""

    name: str
    file: BinaryIO
    offset: int
    count: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces of whole blocks. The file may be used elsewhere between two pieces."""
        at_once = READ_SIZE // self.size
        for start in range(0, self.count, at_once):
            wanted = min(at_once, self.count - start) * self.size
            self.file.seek(self.offset + start * self.size)
            content = self.file.read(wanted)
            if len(content) < wanted:
                end = self.offset + self.count * self.size
                raise InvalidVerity(f"the {self.name} ends too early: its last byte should be {end - 1}")
            yield content

    def digests(self, salt: bytes) -> Iterator[bytes]:
        """The digest of each block."""
        salted = hashlib.sha256(salt)
        # File systems are mostly smaller than their slot: what is empty is hashed once.
        zeros, no_data = bytes(self.size), bytes(READ_SIZE)
        of_zeros = hashlib.sha256(salt + zeros).digest()
        for content in self.chunks():
            if content == no_data:
                yield from repeat(of_zeros, len(content) // self.size)
                continue
            for start in range(0, len(content), self.size):
                block = content[start : start + self.size]
                if block == zeros:
                    yield of_zeros
                    continue
                digest = salted.copy()
                digest.update(block)
                yield digest.digest()

    def recorded(self) -> Iterator[bytes]:
        """The digests that stand in a level of the tree."""
        for content in self.chunks():
            for start in range(0, len(content), DIGEST_SIZE):
                yield content[start : start + DIGEST_SIZE]


def _areas(verity: Verity, data: BinaryIO, hashes: BinaryIO, hash_offset: int) -> list[_Area]:
    """The data, the leaves, and so on to the top level."""
    areas = [_Area("data", data, 0, verity.data_blocks, verity.data_block_size)]
    # On the disk the top level comes first.
    at = verity.tree_offset(hash_offset) + sum(verity.levels) * verity.hash_block_size
    for number, blocks in enumerate(verity.levels):
        at -= blocks * verity.hash_block_size
        areas.append(_Area(f"hash level {number}", hashes, at, blocks, verity.hash_block_size))
    return areas


def _write_level(level: _Area, digests: Iterator[bytes]) -> None:
    """Write the digests of the level below; the last block is filled up with zeros."""
    at = level.offset
    while content := b"".join(islice(digests, READ_SIZE // DIGEST_SIZE)):
        content += bytes(-len(content) % level.size)
        # The level below may be read from the same file in between.
        level.file.seek(at)
        level.file.write(content)
        at += len(content)


def _same_file(one: BinaryIO, other: BinaryIO) -> bool:
    try:
        return one is other or os.path.sameopenfile(one.fileno(), other.fileno())
    except OSError:  # io.UnsupportedOperation: not a file at all
        return False
