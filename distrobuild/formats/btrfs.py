"""Reads which files stand at the top of a btrfs, from an image and without mounting it.

Only trees are read, never the content of files, and only from a file system on one device. Checksums are not compared:
who asks wants to know whether something would be lost, and an answer from damaged blocks is still a warning.

Format: On-disk Format, in the documentation of btrfs (btrfs.readthedocs.io). All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from distrobuild.errors import DistrobuildError

SUPERBLOCK = 64 << 10
"""Where the superblock stands, in bytes from the beginning."""
MAGIC = b"_BHRfS_M"
FIELDS = struct.Struct("<64x8s8xQQ52xI8xI34xBB611x")
"""Of the superblock: magic, address of the root tree and of the chunk tree, size of a node, length of the array of
chunks, levels of both trees."""
HEADER = struct.Struct("<48xQ40xIB")
"""Of a node: its own address, number of items, level."""
KEY = struct.Struct("<QBQ")
"""Object, type, offset: what items are sorted by."""
ITEM = struct.Struct("<II")
"""After the key of an item in a leaf: where its data stands, from the end of the header, and its size."""
POINTER = struct.Struct("<QQ")
"""After the key of an item in any other node: address of a child, generation."""
CHUNK = struct.Struct("<Q36xHH")
"""Length and number of stripes; the stripes follow."""
STRIPE = struct.Struct("<QQ16x")
"""Device and offset on it."""
ROOT_ADDRESS = struct.Struct("<176xQ54xB")
"""Of a root item: address and level of the tree (offsets 176 and 238)."""
DIRECTORY_ENTRY = struct.Struct("<25xHHB")
"""Key of what it names and transaction, then the lengths of data and name, and the kind of file; the name follows."""

CHUNK_ITEM, ROOT_ITEM, DIRECTORY_INDEX = 228, 132, 96
FILE_TREE = 5
"""Object in the root tree: the tree of files that is mounted by default."""
TOP = 256
"""Object in that tree: its top folder."""
HIGHEST_LEVEL = 7
LARGEST_NODE = 64 << 10


class UnreadableBtrfs(DistrobuildError):
    """No btrfs, or one that is damaged or of a kind that cannot be read here."""


class Item(NamedTuple):
    """What stands in a leaf."""

    key: tuple[int, int, int]
    data: bytes


@dataclass(frozen=True)
class _Trees:
    """The trees of one file system that begins at `start`; `chunks` maps addresses: begin, length, offset, in bytes."""

    file: BinaryIO
    start: int
    node_size: int
    chunks: list[tuple[int, int, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    """Addresses of the nodes so far: no tree has one twice, unless it is damaged and would never end."""

    def walk(self, address: int, level: int) -> Iterator[Item]:
        """Every item of a tree, in order."""
        node = self._node(address, level)
        _, count, _ = HEADER.unpack_from(node)
        for number in range(count):
            if level:
                start = HEADER.size + number * (KEY.size + POINTER.size) + KEY.size
                child, _ = POINTER.unpack_from(node, start)
                yield from self.walk(child, level - 1)
            else:
                start = HEADER.size + number * (KEY.size + ITEM.size)
                offset, size = ITEM.unpack_from(node, start + KEY.size)
                begin = HEADER.size + offset
                yield Item(KEY.unpack_from(node, start), node[begin : begin + size])

    def add_chunk(self, key: tuple[int, int, int], data: bytes) -> int:
        """Learn where a chunk stands; return the size of its item."""
        length, stripes, _ = CHUNK.unpack_from(data)
        _, offset = STRIPE.unpack_from(data, CHUNK.size)
        self.chunks.append((key[2], length, offset))
        return CHUNK.size + int(stripes) * STRIPE.size

    def _node(self, address: int, level: int) -> bytes:
        for begin, length, offset in self.chunks:
            if begin <= address < begin + length:
                self.file.seek(self.start + offset + address - begin)
                node = self.file.read(self.node_size)
                own, _, own_level = HEADER.unpack_from(node)
                if (own, own_level) == (address, level) and level <= HIGHEST_LEVEL and address not in self.seen:
                    self.seen.add(address)
                    return node
        raise UnreadableBtrfs(f"btrfs: no node of level {level} at {address}")


def top_entries(file: BinaryIO, start: int = 0) -> tuple[str, ...]:
    """Names of the files and folders at the top of a btrfs, sorted. Raises `UnreadableBtrfs`.

    `start` is where in `file` the file system begins, in bytes.
    """
    try:
        return tuple(sorted(_top_entries(file, start)))
    except (struct.error, ValueError, OverflowError, OSError) as error:
        raise UnreadableBtrfs(f"btrfs: {error}") from error


def _top_entries(file: BinaryIO, start: int) -> Iterator[str]:
    file.seek(start + SUPERBLOCK)
    superblock = file.read(4096)
    magic, root, chunk_root, node_size, array_size, root_level, chunk_level = FIELDS.unpack_from(superblock)
    if magic != MAGIC:
        raise UnreadableBtrfs("there is no btrfs")
    if node_size > LARGEST_NODE:
        raise UnreadableBtrfs(f"btrfs: nodes of {node_size} bytes")
    trees = _Trees(file, start, node_size)
    array = superblock[FIELDS.size :][:array_size]
    while array:
        # These few say where the chunk tree is, which says where everything else is.
        array = array[KEY.size + trees.add_chunk(KEY.unpack_from(array), array[KEY.size :]) :]
    for item in list(trees.walk(chunk_root, chunk_level)):
        if item.key[1] == CHUNK_ITEM:
            trees.add_chunk(item.key, item.data)
    for item in trees.walk(root, root_level):
        if item.key[:2] == (FILE_TREE, ROOT_ITEM):
            address, level = ROOT_ADDRESS.unpack_from(item.data)
            files = trees.walk(address, level)
            yield from (_name(each.data) for each in files if each.key[:2] == (TOP, DIRECTORY_INDEX))


def _name(entry: bytes) -> str:
    _, length, _ = DIRECTORY_ENTRY.unpack_from(entry)
    return entry[DIRECTORY_ENTRY.size :][:length].decode("utf-8", "replace")
