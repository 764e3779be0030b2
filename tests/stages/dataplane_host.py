"""libdataplane and its Python module, built on the host: where valgrind, NumPy and Arrow's implementations are."""

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

SOURCE = mlos.ROOT / "packages" / "mlos-dataplane" / "source"
LIBRARY = "libdataplane.so.1"
CHECKS = ("workers", "placement", "arrow")
"""Programs below check/ that `build` makes as well."""


@functools.cache
def build() -> Path:
    """A folder with the library, the checks and the package `mlos_dataplane`; it stays as long as this process."""
    holder = tempfile.TemporaryDirectory(prefix="dataplane-")
    folder = Path(holder.name) / "source"
    shutil.copytree(SOURCE, folder)
    targets = [LIBRARY, *(f"check/{name}" for name in CHECKS)]
    subprocess.run(["make", "--silent", "CFLAGS=-O2 -Werror", *targets], cwd=folder, check=True)
    _kept.append(holder)
    return folder


def make_importable() -> None:
    """Let this process `import mlos_dataplane`. The loader finds the library by its name once it is loaded."""
    folder = build()
    if str(folder) not in sys.path:
        ctypes.CDLL(str(folder / LIBRARY))
        sys.path.insert(0, str(folder))


def environment() -> dict[str, str]:
    """For a further process that imports it."""
    folder = build()
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


_kept: list[tempfile.TemporaryDirectory[str]] = []
make_importable()
