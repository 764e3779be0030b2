"""From what was fetched to a patched source tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from distrobuild.errors import DistrobuildError, Problem
from distrobuild.formats import patch_apply
from distrobuild.formats.patch_apply import PatchDoesNotApply, Tree
from distrobuild.formats.patch_series import Series
from distrobuild.stages.kernel_make import TREE
from distrobuild.stages.stage import Job

VERSION = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(.*)$", re.MULTILINE)
DEBIAN_PACKAGE = "linux-source-*.deb"
DEBIAN_TARBALLS = "usr/src/linux-source-*.tar.xz"
"""Where a linux-source package keeps the tree (and, beside it, patches in other formats)."""
TARBALL = "linux-*.tar.xz"
SHARED = "shared/"
"""How the inputs begin that hold patches of several lines."""


class NoKernelSource(DistrobuildError):
    """The folder of the source holds none of the three forms that it may come in."""


def unpack(job: Job, name: str = TREE) -> None:
    """Put the source tree at /work/NAME, from whichever form it came in. Raises `NoKernelSource`."""
    source = job.inputs["source"]
    if packages := sorted(source.glob(DEBIAN_PACKAGE)):
        job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/source/{packages[-1].name}", "/work/package"])
        tarballs = sorted((job.work / "package").glob(DEBIAN_TARBALLS))
    else:
        tarballs = sorted(source.glob(TARBALL))
    if tarballs:
        inside = tarballs[-1].relative_to(job.work) if packages else Path(tarballs[-1].name)
        place = Path("/work" if packages else "/inputs/source") / inside
        (job.work / name).mkdir()
        # xz uses all processors on a file of many blocks, which is half of the time.
        command = ["tar", "--extract", "--use-compress-program=xz --threads=0", "--no-same-owner"]
        job.sandbox.run([*command, "--strip-components=1", f"--directory=/work/{name}", f"--file={place}"])
    elif (source / "Kconfig").is_file():
        job.sandbox.run(["cp", "--recursive", "--preserve=mode,links,timestamps", "/inputs/source", f"/work/{name}"])
    else:
        hint = f"expected {DEBIAN_PACKAGE}, {TARBALL} or a kernel tree; there are: {_names(source)}"
        raise NoKernelSource(f"no kernel source in {source}", hint=hint)


def _names(folder: Path) -> str:
    return ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "no files"


def shared_patches(inputs: Mapping[str, Path]) -> dict[str, Path]:
    """Of a stage's inputs, the folders with patches that several lines share, by the names that a series uses."""
    return {name.removeprefix(SHARED): path for name, path in inputs.items() if name.startswith(SHARED)}


def apply_series(job: Job, series: Series) -> None:
    """Apply every patch to the files of the unpacked tree with zero fuzz; a hunk may have moved, which is logged.

    Stops at the first patch that does not apply, with all of its hunks that do not: `PatchDoesNotApply`.
    """
    tree, log = job.work / TREE, job.log
    version = tree_version((tree / "Makefile").read_text("utf-8"))
    if series.base and series.base != version:
        log(f"series {series.name} was last refreshed on {series.base}, this tree is {version}")
    for patch in series.patches:
        files: Tree = {name: _read(tree / name) for name in sorted(patch.names)}
        before = dict(files)
        try:
            applied = patch_apply.apply(patch, files)
        except PatchDoesNotApply as error:
            hint = f"made for {series.base or 'another release'}, this tree is {version}: `distrobuild kernel refresh`"
            problems = [Problem(problem.location, problem.message, hint) for problem in error.problems]
            raise PatchDoesNotApply(problems, error.rest) from None
        for name, lines in files.items():
            if lines != before[name]:
                _write(tree / name, lines)
        for change in patch.changes:
            if change.new is not None and change.mode is not None:
                (tree / change.new).chmod(change.mode)
        log(f"applied {patch.path.name}" + (f" (moved by up to {applied.moved} lines)" if applied.moved else ""))


def tree_version(makefile: str) -> str:
    """The release that a tree's top Makefile names, for example `6.12.117`."""
    parts: dict[str, str] = dict(VERSION.findall(makefile))
    numbers = ".".join(parts.get(name, "0") for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
    return numbers + parts.get("EXTRAVERSION", "")


def _read(path: Path) -> list[str] | None:
    return patch_apply.to_lines(path.read_bytes()) if path.is_file() else None


def _write(path: Path, lines: list[str] | None) -> None:
    if lines is None:
        path.unlink(missing_ok=True)
        return
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o644)
    path.write_bytes(patch_apply.to_content(lines))
