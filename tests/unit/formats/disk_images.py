"""What other programs wrote: partition tables from `vectors/gpt.json`, file systems from `vectors/btrfs.json`.

Each says by which commands.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "gpt.json").read_text())
BTRFS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "btrfs.json").read_text())


def sector_size(name: str) -> int:
    return int(VECTORS[name]["sector_size"])


def write_disk(name: str, path: Path) -> BinaryIO:
    """A sparse file with this disk, open to read and write."""
    disk = path.open("w+b")
    disk.truncate(VECTORS[name]["bytes"])
    for offset, content in VECTORS[name]["chunks"]:
        disk.seek(offset)
        disk.write(zlib.decompress(base64.b64decode(content)))
    return disk


def write_btrfs(name: str, disk: BinaryIO, start: int = 0) -> None:
    """Write this file system `start` bytes from the beginning of a disk."""
    for offset, content in BTRFS[name]["chunks"]:
        disk.seek(start + offset)
        disk.write(zlib.decompress(base64.b64decode(content)))
