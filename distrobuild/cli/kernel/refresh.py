"""`distrobuild kernel refresh`: how the patches fit the kernel's source."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.kernel.chosen import lock_of, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.engine.events import Stream
from distrobuild.engine.kernel_refresh import Report, refresh_series, write_series
from distrobuild.errors import DistrobuildError
from distrobuild.formats.patch_refresh import Fit
from distrobuild.plan.bare_kernel import NoKernel, kernel_named, kernel_source
from distrobuild.plan.graph import Plan, Tree

COLOURS = {Fit.CLEAN: "green", Fit.OFFSET: "cyan", Fit.FUZZ: "yellow", Fit.UPSTREAM: "blue", Fit.CONFLICT: "red"}
PATH = click.Path(exists=True, path_type=Path)


@click.command("refresh")
@click.argument("kernel", required=False)
@click.option("--all", "every", is_flag=True, help="Every kernel of the manifest that has patches.")
@click.option("--source", type=PATH, help="Another source than the locked one: tree, tarball or linux-source package.")
@click.option("--write", is_flag=True, help="Rewrite the patches that moved; otherwise only report.")
@kernel_project_options
def command(session: Session, kernel: str | None, every: bool, source: Path | None, write: bool) -> None:
    """Fit the patches of KERNEL (default: the one that targets boot) onto its locked source; a report on each patch.

    Exits with 1 if a patch conflicts.
    """
    screen = console()
    conflicts = False
    for name, patches in _series(session, kernel, every).items():
        folder = session.loaded.root / patches
        report = refresh_series(folder, source or _locked_source(session, name))
        _print(screen, name, report)
        conflicts = conflicts or bool(report.conflicts)
        if write:
            for path in write_series(folder, report):
                screen.print(f"wrote {path}", soft_wrap=True)
    if conflicts:
        raise click.exceptions.Exit(1)


def _series(session: Session, kernel: str | None, every: bool) -> dict[str, str]:
    """The kernels that are meant, each with the folder of its patches."""
    manifest = session.loaded.manifest
    patched = {name: each.patches for name, each in manifest.kernels.items() if each.patches}
    if every:
        if kernel is not None:
            raise DistrobuildError("`--all` and the name of a kernel exclude each other", hint="leave one out")
        return patched
    name = kernel_named(manifest, kernel)
    if name not in patched:
        raise NoKernel(f"kernel `{name}` has no patches", hint=f"these have: {', '.join(patched) or 'none'}")
    return {name: patched[name]}


def _locked_source(session: Session, kernel: str) -> Path:
    """The kernel's source, fetched where the store lacks it."""
    selection = selection_of(session, kernel)
    bound = kernel_source(selection, lock_of(session, selection, Stream()))
    if isinstance(bound, Tree):
        return bound.path
    plan = Plan(selection.name, (bound,), selection.manifest.epoch, selection.architecture)
    return session.engine(selection, Stream()).build(plan)[bound.name].output


def _print(screen: Console, name: str, report: Report) -> None:
    table = Table("patch", "fit", "detail", box=None)
    table.columns[0].overflow = "fold"
    for each in report.patches:
        fit = f"[{COLOURS[each.fit]}]{each.fit}[/]"
        table.add_row(escape(each.patch.path.name), fit, escape(each.detail))
    base = "it" if report.is_of_base else report.base or "no base named"
    if base == report.version:
        base = "another source of this release"
    screen.print(f"[bold]{escape(name)}[/]: Linux {report.version}, series made for {base}", highlight=False)
    screen.print(table)
    for conflict in report.conflicts:
        for problem in conflict.problems:
            screen.print(str(problem), markup=False, highlight=False, soft_wrap=True)
