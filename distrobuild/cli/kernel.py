"""`distrobuild kernel`: work on a kernel's patches."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.session import Session, console, project_options
from distrobuild.engine.events import Stream
from distrobuild.engine.kernel_refresh import Report, refresh_series, write_series
from distrobuild.errors import DistrobuildError
from distrobuild.formats.patch_refresh import Fit
from distrobuild.plan.graph import Plan, Tree

COLOURS = {Fit.CLEAN: "green", Fit.OFFSET: "cyan", Fit.FUZZ: "yellow", Fit.UPSTREAM: "blue", Fit.CONFLICT: "red"}
PATH = click.Path(exists=True, path_type=Path)


@click.group(name="kernel")
def command() -> None:
    """Work on a kernel's patches."""


@command.command()
@click.argument("kernel", required=False)
@click.option("--source", type=PATH, help="Another source than the locked one: tree, tarball or linux-source package.")
@click.option("--write", is_flag=True, help="Rewrite the patches that moved; otherwise only report.")
@project_options
def refresh(session: Session, kernel: str | None, source: Path | None, write: bool) -> None:
    """Fit the patch series of KERNEL (default: the only one) onto its locked source, and report on each patch.

    Exits with 1 if a patch conflicts.
    """
    name, patches = _series(session, kernel)
    folder = session.loaded.root / patches
    report = refresh_series(folder, source or _locked_source(session, name))
    screen = console()
    _print(screen, report)
    if write:
        for path in write_series(folder, report):
            screen.print(f"wrote {path}", soft_wrap=True)
    if report.conflicts:
        raise click.exceptions.Exit(1)


def _series(session: Session, kernel: str | None) -> tuple[str, str]:
    """Name and patch folder of the kernel that is meant."""
    kernels = {name: each.patches for name, each in session.loaded.manifest.kernels.items() if each.patches}
    if kernel is None and len(kernels) == 1:
        kernel = next(iter(kernels))
    if kernel is None or kernel not in kernels:
        what = f"no kernel `{kernel}` has patches" if kernel else "several kernels have patches: which one?"
        raise DistrobuildError(what, hint=f"kernels with patches: {', '.join(kernels) or 'none'}")
    return kernel, kernels[kernel]


def _locked_source(session: Session, kernel: str) -> Path:
    """The kernel's source, fetched where the store lacks it."""
    targets = session.loaded.manifest.targets
    target = next((name for name, each in targets.items() if each.kernel == kernel and each.base), None)
    if target is None:
        raise DistrobuildError(f"no target boots the kernel `{kernel}`", hint="name its source by `--source`")
    selection = session.select(target)
    whole = session.plan(selection, Stream())
    bound = whole.find("kernel").inputs["source"]
    if isinstance(bound, Tree):
        return bound.path
    plan = Plan(target, (bound,), whole.epoch, whole.architecture)
    return session.engine(selection, Stream()).build(plan)[bound.name].output


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
