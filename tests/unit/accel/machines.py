"""Machines as trees of files, each written down in one file of `machines/`, laid out for tests."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.unit.accel.capture import FOLDER, LINK

MACHINES = Path(__file__).parent / "machines"
NAMES = sorted(file.stem for file in MACHINES.glob("*.yaml"))
LINKED = "sys/bus/pci/devices"


class _Words(yaml.SafeLoader):
    """Knows `<<` and leaves everything else a string."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


def make(name: str, folder: Path) -> Path:
    """Lay out the machine `machines/NAME.yaml` below a folder; return it. One that is there already stays as it is.

    `tree` of the file has folders, and in each its files: contents, or `-> TARGET` for a symbolic link. Where
    nothing stands in `sys/bus/pci/devices`, every PCI device below `sys/devices` gets its link there, as in sysfs.
    """
    if (folder / "sys").exists():
        return folder
    return lay(_tree(name), folder)


def lay(tree: Mapping[str, Mapping[str, str]], folder: Path) -> Path:
    """Lay out a tree that was read from such a file, or captured."""
    for place, files in tree.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            write(folder / place / file, text)
        if place.startswith("sys/devices/pci") and "vendor" in files and LINKED not in tree:
            link(folder / LINKED / Path(place).name, folder / place)
    return folder


@functools.cache
def _tree(name: str) -> dict[str, dict[str, str]]:
    content: dict[str, dict[str, dict[str, str]]] = yaml.load((MACHINES / f"{name}.yaml").read_text("utf-8"), _Words)
    return content["tree"]


def write(path: Path, text: str) -> None:
    """A file with this content and a newline, or a symbolic link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if text == FOLDER:
        path.mkdir(exist_ok=True)
    elif text.startswith(LINK):
        path.symlink_to(text.removeprefix(LINK))
    else:
        path.write_text(f"{text.rstrip()}\n" if text else "", "utf-8")


def link(path: Path, target: Path) -> None:
    """A relative symbolic link, as those of sysfs are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))
