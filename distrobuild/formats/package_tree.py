"""The files of one of this project's packages as a machine gets them: templates filled in, modes settled, presets made.

Every packaging system packs the same tree, so that a package is the same in all of them.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Mapping
from pathlib import Path

from distrobuild.formats.template import render_source
from distrobuild.manifest.package import TEMPLATE_SUFFIX, Package, installed_paths

PRESET = "usr/lib/systemd/system-preset/95-{name}.preset"
"""Sorts after the distribution's own `90-*.preset`, which therefore wins."""


def write_files(package: Package, folder: Path, tree: Path, facts: Mapping[str, str]) -> None:
    """Write to `tree` what the package in `folder` installs of its own; `facts` are what its templates may name.

    Raises `InvalidInput` for a mistake in a template, with its line.
    """
    tree.mkdir()
    for path, file in installed_paths(folder):
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            target.symlink_to(_settled_link(path, str(file.readlink())))
            continue
        if file.name.endswith(TEMPLATE_SUFFIX):
            target.write_text(render_source(file, facts), "utf-8")
        else:
            shutil.copyfile(file, target)
        target.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    if package.enable:
        preset = tree / PRESET.format(name=package.name)
        preset.parent.mkdir(parents=True, exist_ok=True)
        preset.write_text("".join(f"enable {unit}\n" for unit in package.enable), "utf-8")


def _settled_link(path: str, target: str) -> str:
    """Absolute where it leads to another folder of `/`, else relative, as Debian's policy (10.5) and debhelper have it.

    Only so has every packaging system the same link.
    """
    place = posixpath.join("/", posixpath.dirname(path))
    absolute = posixpath.normpath(posixpath.join(place, target))
    same = absolute.split("/")[1] == place.split("/")[1]
    return posixpath.relpath(absolute, place) if same else absolute
