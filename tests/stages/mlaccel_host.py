"""libmlaccel and its Python module, built on the host: where NumPy is."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-accel" / "source"


@functools.cache
def build() -> Path:
    """A folder with the compiled library and the Python module; it stays as long as this process."""
    holder = tempfile.TemporaryDirectory(prefix="mlaccel-")
    folder = Path(holder.name)
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd=folder, check=True)
    _kept.append(holder)
    return folder


def make_importable() -> None:
    """Let this process `import mlaccel`. The loader finds the library by its name once it is loaded."""
    folder = build()
    if str(folder) not in sys.path:
        ctypes.CDLL(str(folder / "libmlaccel.so.1"))
        sys.path.insert(0, str(folder))


def environment() -> dict[str, str]:
    """For a further process that imports it."""
    folder = str(build())
    return {**os.environ, "LD_LIBRARY_PATH": folder, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}


_kept: list[tempfile.TemporaryDirectory[str]] = []
make_importable()
