"""`distrobuild kernel`: work on a kernel's patches, and prove what they do."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.session import Session, console, project_options
from distrobuild.cli.view import TerminalView
from distrobuild.engine.events import Stream
from distrobuild.engine.kernel_refresh import Report, refresh_series, write_series
from distrobuild.errors import DistrobuildError
from distrobuild.formats.ktap import Outcome
from distrobuild.formats.patch_refresh import Fit
from distrobuild.plan.bare_kernel import plan_kernel, plan_kernel_tests
from distrobuild.plan.early import check_sources
from distrobuild.plan.graph import Plan, Tree
from distrobuild.stages.kernel_test import RESULT

COLOURS = {Fit.CLEAN: "green", Fit.OFFSET: "cyan", Fit.FUZZ: "yellow", Fit.UPSTREAM: "blue", Fit.CONFLICT: "red"}
OUTCOMES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}
PATH = click.Path(exists=True, path_type=Path)


@click.group(name="kernel")
def command() -> None:
    """Work on a kernel's patches, and prove what they do."""


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


@command.command()
@click.argument("kernel", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("out/kernel"), show_default=True, help="Folder."
)
@project_options
def build(session: Session, kernel: str | None, output: Path) -> None:
    """Build KERNEL (default: the only one) by itself: its packages and its configuration."""
    screen = console()
    selection = session.select(_target(session, _named(kernel, list(session.loaded.manifest.kernels))))
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)))
        check_sources(selection)
        plan = plan_kernel(selection, session.lock(selection, emit))
        (goal,) = plan.goals
        made = session.engine(selection, emit).build(plan)[goal.name].output
    output.mkdir(parents=True, exist_ok=True)
    for path in (*sorted((made / "debs").iterdir()), made / "config"):
        shutil.copyfile(path, output / path.name)
        screen.print(f"[bold green]built[/] {output / path.name}", highlight=False, soft_wrap=True)


@command.command()
@click.argument("kernel", required=False)
@click.option("--only", multiple=True, metavar="NAME", help="Only this test of the manifest; may be repeated.")
@click.option("--release", is_flag=True, help="Also the tests that take too long for every run: `release: true`.")
@project_options
def test(session: Session, kernel: str | None, only: tuple[str, ...], release: bool) -> None:
    """Boot KERNEL (default: the only one) by itself for each of its tests, and say what they found.

    Results come from the store while kernel and test are unchanged. Exits with 1 if a test fails.
    """
    screen = console()
    selection = session.select(_target(session, _named(kernel, list(session.loaded.manifest.kernels))))
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)))
        check_sources(selection)
        plan = plan_kernel_tests(selection, session.lock(selection, emit), only, release=release)
        entries = session.engine(selection, emit).build(plan)
    for goal in plan.goals:
        _print_results(screen, goal.name.removeprefix("kernel_test/"), entries[goal.name].output / RESULT)


def _named(kernel: str | None, there: list[str], what: str = "kernel") -> str:
    """The kernel of that name; without a name the only one."""
    if kernel is None and len(there) == 1:
        return there[0]
    if kernel in there:
        return kernel
    said = f"there is no {what} `{kernel}`" if kernel else f"there is more or less than one {what}: which one?"
    raise DistrobuildError(said, hint=f"there is: {', '.join(there) or 'none'}")


def _target(session: Session, kernel: str) -> str:
    """A target that boots this kernel: it says on which base, and has a lock."""
    targets = session.loaded.manifest.targets
    target = next((name for name, each in targets.items() if each.kernel == kernel and each.base), None)
    if target is None:
        raise DistrobuildError(f"no target boots the kernel `{kernel}`", hint="give one `kernel: ...`")
    return target


def _print_results(console: Console, name: str, path: Path) -> None:
    record = json.loads(path.read_text("utf-8"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for result in record["tests"]:
        colour = OUTCOMES[Outcome(result["outcome"])]
        table.add_row(f"[{colour}]{result['outcome']}[/]", escape(result["name"]), escape(result["note"]))
    console.print(f"[bold]{name}[/] ({record['accelerator']})", highlight=False)
    console.print(table, highlight=False)


def _series(session: Session, kernel: str | None) -> tuple[str, str]:
    """Name and patch folder of the kernel that is meant."""
    kernels = {name: each.patches for name, each in session.loaded.manifest.kernels.items() if each.patches}
    name = _named(kernel, list(kernels), "kernel with patches")
    return name, kernels[name]


def _locked_source(session: Session, kernel: str) -> Path:
    """The kernel's source, fetched where the store lacks it."""
    selection = session.select(_target(session, kernel))
    whole = session.plan(selection, Stream())
    bound = whole.find("kernel").inputs["source"]
    if isinstance(bound, Tree):
        return bound.path
    plan = Plan(selection.name, (bound,), whole.epoch, whole.architecture)
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
