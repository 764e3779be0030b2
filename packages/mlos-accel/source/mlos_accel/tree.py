# SPDX-License-Identifier: Apache-2.0
"""A machine's /sys, /proc, /dev and /etc: the running one's, or another one's that was written down in a folder.

By os and strings, not by pathlib: its import alone would be a tenth of the time that `mlos-accel list` takes.
"""

from __future__ import annotations

import os
import re

NUMBERS = re.compile(r"\d+")


def natural(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """A key by which `card10` comes after `card9`."""
    return tuple(NUMBERS.split(name)), tuple(map(int, NUMBERS.findall(name)))


class Tree:
    """Reads files below a root. Paths have no slash in front; what cannot be read is None.

    Any file of sysfs can be missing (another driver, another kernel), refused, or answer with an error while its device
    resets or sleeps. To an inventory that is all the same: not known.
    """

    def __init__(self, root: str | os.PathLike[str] = "/", *, live: bool | None = None) -> None:
        """`live`: libraries of vendors may be asked as well; they speak of the running machine only."""
        self.root = os.path.realpath(root)
        self.live = self.root == "/" if live is None else live

    def place(self, path: str) -> str:
        """The path with the root before it."""
        return os.path.join(self.root, path)

    def text(self, path: str) -> str | None:
        """The file's content without space at its ends."""
        try:
            with open(self.place(path), "rb") as file:
                return file.read().decode(errors="replace").strip("\0 \t\n")
        except OSError:
            return None

    def number(self, path: str, base: int = 10) -> int | None:
        """The number in a file: decimal, or hexadecimal after `0x` or by `base`."""
        return as_number(self.text(path), base)

    def names(self, folder: str) -> list[str]:
        """What is in a folder, `card9` before `card10`."""
        try:
            return sorted(os.listdir(self.place(folder)), key=natural)
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return os.path.exists(self.place(path))

    def linked(self, path: str) -> str | None:
        """The last word of what a symbolic link names: of `device/driver`, the driver."""
        try:
            return os.path.basename(os.readlink(self.place(path)))
        except OSError:
            return None

    def real(self, path: str) -> str:
        """The same path without symbolic links in it."""
        return os.path.relpath(os.path.realpath(self.place(path)), self.root)


def as_number(text: str | None, base: int = 10) -> int | None:
    """Read a number as the kernel prints them; None if it is none."""
    if text is None:
        return None
    try:
        return int(text, 16 if text.lower().startswith("0x") else base)
    except ValueError:
        return None
