"""Frozen copies of source trees: what a stage reads cannot change under it, and looks the same on every machine."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from distrobuild.formats.tree_digest import IGNORED, source_files, tree_digest


def snapshot(path: Path, folder: Path) -> Path:
    """A copy of `path` below `folder`, by digest: modes 0644 or 0755, times 0. An existing copy is reused."""
    place = folder / tree_digest(source_files(path)).removeprefix("sha256:")
    if place.exists():
        return place
    scratch = folder / uuid.uuid4().hex
    if path.is_dir():
        shutil.copytree(path, scratch, symlinks=True, ignore=shutil.ignore_patterns(*IGNORED))
    else:
        shutil.copy(path, scratch)
    for name in _everything(scratch):
        if not name.is_symlink():
            name.chmod(0o755 if name.is_dir() or name.stat().st_mode & 0o100 else 0o644)
        os.utime(name, (0, 0), follow_symlinks=False)
    try:
        scratch.rename(place)
    except OSError:  # another build was quicker
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def _everything(path: Path) -> list[Path]:
    return [*sorted(path.rglob("*"), reverse=True), path] if path.is_dir() else [path]
