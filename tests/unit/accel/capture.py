"""Write down a machine as one file of `machines/`: python -m tests.unit.accel.capture > NAME.yaml.

It holds what the inventory reads, serial numbers and uuids among that, and not the list of PCI ids. It is JSON, which
is YAML as well.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from mlos_accel.inventory import collect
from mlos_accel.tree import Tree

FOLDER = "/"
"""What stands for the content of a folder in which nothing was read."""
LINK = "-> "


class Recorder(Tree):
    """Reads as a tree does, and remembers what."""

    def __init__(self, root: str | os.PathLike[str] = "/") -> None:
        super().__init__(root, live=False)
        self._seen: dict[str, str] = {}

    def text(self, path: str) -> str | None:
        text = super().text(path)
        if text is not None:
            self._remember(path, text)
        return text

    def names(self, folder: str) -> list[str]:
        names = super().names(folder)
        for name in names:
            self._remember(f"{folder}/{name}")
        return names

    def exists(self, path: str) -> bool:
        there = super().exists(path)
        if there:
            self._remember(path)
        return there

    def linked(self, path: str) -> str | None:
        self._remember(path)
        return super().linked(path)

    def real(self, path: str) -> str:
        self._remember(path)
        return super().real(path)

    def tree(self) -> dict[str, dict[str, str]]:
        """Files by folder, as the files of `machines/` have them."""
        folders: dict[str, dict[str, str]] = {}
        for path, text in sorted(self._seen.items()):
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = text
        return folders

    def _remember(self, path: str, text: str = "") -> None:
        """A file under its real path, and every symbolic link on the way to it."""
        folder, _, name = path.rpartition("/")
        if folder:
            self._remember(folder)
        place = f"{super().real(folder)}/{name}" if folder else name
        try:
            mode = os.lstat(self.place(place)).st_mode
        except OSError:
            return
        if stat.S_ISLNK(mode):
            self._seen[place] = LINK + str(Path(self.place(place)).readlink())
            if text:
                self._remember(super().real(place), text)
        elif stat.S_ISDIR(mode):
            self._seen.setdefault(place, FOLDER)
        else:
            self._seen[place] = text or self._seen.get(place, "")


def captured(root: str | os.PathLike[str] = "/") -> dict[str, dict[str, str]]:
    """What the inventory reads on a machine."""
    recorder = Recorder(root)
    collect(recorder)
    return recorder.tree()


if __name__ == "__main__":
    print(json.dumps({"tree": captured()}, indent=2))
