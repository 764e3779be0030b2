"""SHA256SUMS: the digest of every file of a release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def checksums(folder: Path, ignored: Iterable[str] = ()) -> str:
    """Lines as `sha256sum` writes and checks them, for every file below `folder`, sorted by path."""
    skipped = set(ignored)
    lines = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in skipped:
            with path.open("rb") as stream:
                lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)
