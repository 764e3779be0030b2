"""What a `.deb` says of the files in it: their digests and their size."""

from __future__ import annotations

import hashlib
from pathlib import Path


def _files(tree: Path) -> list[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


def md5sums(tree: Path) -> str:
    """`DEBIAN/md5sums` of a tree that becomes a package, which has no folder `DEBIAN` yet; deb-md5sums(5)."""
    return "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in _files(tree))


def installed_size_kib(tree: Path) -> int:
    """Value of `Installed-Size`, in KiB: each file is rounded up (Debian policy 5.6.20)."""
    return sum(-(-path.stat().st_size // 1024) for path in _files(tree))
