"""SHA256SUMS: the digest of every file of a release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path


def checksums(folder: Path, known: Mapping[Path, str]) -> str:
    """Lines as `sha256sum` writes and checks them, for every file below `folder`, sorted by path.

    `known` has hexadecimal digests that need not be computed again.
    """
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            lines.append(f"{known.get(path) or _sha256(path)}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
