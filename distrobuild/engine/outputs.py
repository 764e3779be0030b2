"""`out/TARGET/`: the image, its packages and the report, taken from the store when a build has ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distrobuild import __version__
from distrobuild.engine.entry import Entry
from distrobuild.engine.store import remove_tree
from distrobuild.plan.graph import Node, Plan
from distrobuild.plan.selection import Selection
from distrobuild.release.checksums import checksums

SUMS = "SHA256SUMS"
FURTHER_IMAGES = ("convert", "pxe", "memory-iso")
"""Kinds of stages whose result stands beside the image."""


@dataclass(frozen=True)
class Published:
    """What a build gave: the image if there is one, every file, one line for each boot that proved it."""

    image: Path | None
    files: tuple[Path, ...]
    proofs: tuple[str, ...]


def publish(
    selection: Selection,
    plan: Plan,
    entries: Mapping[str, Entry],
    folder: Path,
    failed_boots: Mapping[str, Path] | None = None,
) -> Published:
    """Replace `folder` by the results of a build: image, repository, kernel packages, package list, report, sums.

    `failed_boots` maps boots that failed to what they left: the image is kept, but not proven.
    """
    with _replacing(folder) as staged:
        boots = {name: entry for name, entry in entries.items() if name.startswith("boot/")}
        sums: dict[Path, str] = {}
        images: dict[Path, str] = {}
        for stage, place, pattern in _places(selection):
            if stage in entries:
                sums |= _place(entries[stage], staged / place, pattern)
        for node in _further_images(plan):
            if node.name in entries:
                sums |= _place(entries[node.name], staged, "*")
        if plan.image is not None:
            images = _place(entries[plan.image.name], staged, "*")
            sums |= images
        for name, entry in boots.items():
            sums |= _place(entry, staged / name, "*")
        for name, left in (failed_boots or {}).items():
            _link_all(left, staged / name, "*")
        results = {name: entry.output for name, entry in boots.items()} | dict(failed_boots or {})
        report = _report(selection, plan, entries, results)
        (staged / "build.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (staged / SUMS).write_text(checksums(staged, sums), encoding="utf-8")
    image = folder / next(iter(images)).name if images else None
    files = tuple(folder / path.relative_to(staged) for path in sums)
    return Published(image, files, tuple(_proof(name, place) for name, place in results.items()))


def _places(selection: Selection) -> list[tuple[str, str, str]]:
    """Stage, folder of the results and pattern of its files, for all that stands beside an image where it was made."""
    return [
        ("repository", ".", "*"),
        ("kernel", "kernel", "debs/*.deb"),
        ("install", ".", "packages.json"),
        ("sysext", "sysext", "*"),
        ("sysext/modules", "sysext", "*"),
        ("oci", "oci", "*"),
        ("ignition", "ignition", "*"),
        ("overlay", ".", "*"),
        ("binpkgs", ".", "*"),
        (f"update/{selection.manifest.version}", "update", "*"),
    ]


def publish_output(entry: Entry, folder: Path) -> None:
    """Replace `folder` by what one stage wrote."""
    with _replacing(folder) as staged:
        _link_all(entry.output, staged, "*")


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `folder` once it is whole."""
    staged = folder.with_name(f".{folder.name}.new")
    if staged.exists():
        remove_tree(staged)
    staged.mkdir(parents=True)
    yield staged
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        folder.rename(old)
        staged.rename(folder)
        remove_tree(old)
    else:
        staged.rename(folder)


def _further_images(plan: Plan) -> list[Node]:
    """What was asked for beside the image: other formats of it, and images that start in another way."""
    asked = [image if isinstance(image := goal.inputs.get("image"), Node) else goal for goal in plan.goals]
    # Several boots may have the same image.
    return list({node.name: node for node in asked if node.stage.kind in FURTHER_IMAGES}.values())


def _place(entry: Entry, target: Path, pattern: str) -> dict[Path, str]:
    """Link what matches in an output into `target`; return the new files with their digests (hexadecimal)."""
    sums, placed = entry.sums, {}
    for source, place in _link_all(entry.output, target, pattern):
        for path in source.rglob("*") if source.is_dir() else (source,):
            if digest := sums.get(path.relative_to(entry.output).as_posix()):
                placed[place / path.relative_to(source)] = digest
    return placed


def _link_all(source: Path, target: Path, pattern: str) -> list[tuple[Path, Path]]:
    """Link (or copy) what matches in `source` into `target`; return pairs of old and new paths."""
    target.mkdir(parents=True, exist_ok=True)
    pairs = [(path, target / path.name) for path in sorted(source.glob(pattern))]
    for path, place in pairs:
        if path.is_dir():
            shutil.copytree(path, place, copy_function=_link, symlinks=True)
        else:
            _link(path, place)
    return pairs


def _link(source: os.PathLike[str] | str, target: os.PathLike[str] | str) -> None:
    """A hard link where the store is on the same file system: an image takes its space once."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _report(
    selection: Selection, plan: Plan, entries: Mapping[str, Entry], boots: Mapping[str, Path]
) -> dict[str, Any]:
    made_of = {"base": selection.base_name, "flavour": selection.flavour}
    if selection.kernel is None:
        made_of = {"made_of": selection.origin}
    return {
        "distrobuild": __version__,
        "name": selection.manifest.name,
        "version": selection.manifest.version,
        "target": selection.name,
        **made_of,
        "architecture": selection.architecture,
        "epoch": plan.epoch,
        "stages": {name: _stage(entry) for name, entry in entries.items()},
        "boots": {name: _result(results) for name, results in boots.items()},
    }


def _stage(entry: Entry) -> dict[str, Any]:
    meta = entry.meta
    return {"key": entry.key, "seconds": meta.seconds, "bytes": meta.bytes, "digest": meta.digest}


def _result(results: Path) -> dict[str, Any]:
    """What a boot wrote down; nothing, if it ended before it could."""
    try:
        result: dict[str, Any] = json.loads((results / "result.json").read_text())
    except FileNotFoundError:
        return {}
    return result


def _proof(name: str, results: Path) -> str:
    result = _result(results)
    boot = result.get("boot")
    if boot is None:
        return f"{name}: never booted"
    failed = f"{len(result['failed'])} box tests failed, " if result["failed"] else ""
    return (
        f"{name}: {failed}{result['passed']} box tests passed, "
        f"running after {boot['seconds_to_running']:.0f} s under {boot['accelerator']}"
    )
