"""`out/TARGET/`: the image, its packages and the report, taken from the store when a build has ended."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distrobuild import __version__
from distrobuild.engine.entry import Entry
from distrobuild.engine.store import remove_tree
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection
from distrobuild.release.checksums import checksums

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Published:
    """What a build gave: the image, its size in bytes, one line for each boot that proved it."""

    image: Path
    bytes: int
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
    staged = folder.with_name(f".{folder.name}.new")
    if staged.exists():
        remove_tree(staged)
    staged.mkdir(parents=True)
    boots = {name: entry for name, entry in entries.items() if name.startswith("boot/")}
    sums = _place(entries["repository"], staged, "*")
    sums |= _place(entries["kernel"], staged / "kernel", "debs/*.deb")
    sums |= _place(entries["install"], staged, "packages.json")
    update = f"update/{selection.manifest.version}"
    beside = {"sysext": "sysext", "sysext/modules": "sysext", "oci": "oci", update: "update"}
    for stage, name in beside.items():
        if stage in entries:
            sums |= _place(entries[stage], staged / name, "*")
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
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        folder.rename(old)
        staged.rename(folder)
        remove_tree(old)
    else:
        staged.rename(folder)
    image = folder / next(iter(images)).name
    return Published(image, image.stat().st_size, tuple(_proof(name, place) for name, place in results.items()))


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
    return {
        "distrobuild": __version__,
        "name": selection.manifest.name,
        "version": selection.manifest.version,
        "target": selection.name,
        "base": selection.base_name,
        "flavour": selection.flavour,
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
