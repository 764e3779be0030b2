"""libtensormem, its programs and its Python module, built on the host: where hypothesis, NumPy and valgrind are."""

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

SOURCE = mlos.ROOT / "packages" / "mlos-tensormem" / "source"


@functools.cache
def build() -> Path:
    """A folder with the compiled library and programs, `python` in it; it stays as long as this process."""
    holder = tempfile.TemporaryDirectory(prefix="tensormem-")
    build_in(Path(holder.name))
    _kept.append(holder)
    return Path(holder.name)


def build_in(folder: Path) -> None:
    """Compile the library and the programs there, beside the Python module."""
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    subprocess.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd=folder, check=True)


@functools.cache
def broker_with(sanitizers: str) -> Path:
    """tensormemd, with the library in it, compiled with these sanitizers of GCC (`address,undefined`)."""
    folder = build()
    program = folder / f"tensormemd-{sanitizers.replace(',', '-')}"
    flags = ["-std=gnu11", "-g", "-O1", f"-I{folder}", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    sources = [*folder.glob("*.c"), *(folder / "daemon").glob("*.c")]
    subprocess.run(["cc", *flags, "-o", program, *sources, "-lcrypto", "-pthread"], check=True)
    return program


def make_importable() -> None:
    """Let this process `import tensormem`. The loader finds the library by its name once it is loaded."""
    folder = build()
    if str(folder / "python") not in sys.path:
        ctypes.CDLL(str(folder / "libtensormem.so.1"))
        sys.path.insert(0, str(folder / "python"))


def environment() -> dict[str, str]:
    """For a further process that imports it."""
    folder = build()
    python = str(folder / "python")
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": python, "PYTHONDONTWRITEBYTECODE": "1"}


_kept: list[tempfile.TemporaryDirectory[str]] = []
make_importable()
