"""`distrobuild kernel`: work on a kernel's patches."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.engine.kernel_refresh import Report, refresh_series, write_series
from distrobuild.errors import DistrobuildError
from distrobuild.formats.patch_refresh import Fit
from distrobuild.manifest.loader import load

COLOURS = {Fit.CLEAN: "green", Fit.OFFSET: "cyan", Fit.FUZZ: "yellow", Fit.UPSTREAM: "blue", Fit.CONFLICT: "red"}
MANIFEST = "distro.yaml"
PATH = click.Path(exists=True, path_type=Path)


@click.group(name="kernel")
def command() -> None:
    """Work on a kernel's patches."""


@command.command()
@click.argument("kernel", required=False)
@click.option("-f", "--file", "manifest", type=PATH, default=Path(MANIFEST), show_default=True, help="The manifest.")
@click.option("--source", type=PATH, required=True, help="Kernel source: tree, tarball or linux-source package.")
@click.option("--write", is_flag=True, help="Rewrite the patches that moved; otherwise only report.")
def refresh(kernel: str | None, manifest: Path, source: Path, write: bool) -> None:
    """Fit the patch series of KERNEL (default: the only one) onto a kernel source, and report on each patch.

    Exits with 1 if a patch conflicts.
    """
    folder = _series_folder(manifest, kernel)
    report = refresh_series(folder, source)
    console = Console()
    _print(console, report)
    if write:
        for path in write_series(folder, report):
            console.print(f"wrote {path}", soft_wrap=True)
    if report.conflicts:
        raise click.exceptions.Exit(1)


def _series_folder(manifest: Path, kernel: str | None) -> Path:
    loaded = load([manifest], [])
    kernels = {name: each.patches for name, each in loaded.manifest.kernels.items() if each.patches}
    if kernel is None and len(kernels) == 1:
        kernel = next(iter(kernels))
    if kernel not in kernels:
        what = f"no kernel `{kernel}` with patches in {manifest}" if kernel else "which kernel?"
        raise DistrobuildError(what, hint=f"kernels with patches: {', '.join(kernels) or 'none'}")
    return loaded.root / str(kernels[kernel])


def _print(console: Console, report: Report) -> None:
    table = Table("patch", "fit", "detail", box=None)
    table.columns[0].overflow = "fold"
    for each in report.patches:
        fit = f"[{COLOURS[each.fit]}]{each.fit}[/]"
        table.add_row(escape(each.patch.path.name), fit, escape(each.detail))
    console.print(f"Linux {report.version}, series made for {report.base or 'no base named'}")
    console.print(table)
    for conflict in report.conflicts:
        for problem in conflict.problems:
            console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
