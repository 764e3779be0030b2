"""`distrobuild kernel test`: boot the bare kernel, and let it prove itself."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.kernel.chosen import built, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.formats.ktap import Outcome
from distrobuild.plan.bare_kernel import NoKernelTest, plan_kernel_tests
from distrobuild.stages.kernel_test import RESULT

COLOURS = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}


@click.command("test")
@click.argument("kernels", nargs=-1, metavar="[KERNEL]...")
@click.option("--only", multiple=True, metavar="NAME", help="Only this test of the manifest; may be repeated.")
@click.option("--release", is_flag=True, help="Also the tests that take too long for every run: `release: true`.")
@kernel_project_options
def command(session: Session, kernels: tuple[str, ...], only: tuple[str, ...], release: bool) -> None:
    """Boot each KERNEL (default: all that have tests) by itself for each of its tests, and say what they found.

    Results come from the store while kernel and test are unchanged. Exits with 1 if a test fails.
    """
    tested = [name for name, kernel in session.loaded.manifest.kernels.items() if kernel.tests]
    if not kernels and not tested:
        raise NoKernelTest("no kernel of the manifest has tests", hint="`explain kernels.*.tests`")
    planner = functools.partial(plan_kernel_tests, names=only, release=release)
    for kernel in kernels or tested:
        for name, entry in built(session, selection_of(session, kernel), planner).items():
            _print_results(f"{kernel}: {name.removeprefix('kernel_test/')}", entry.output / RESULT)


def _print_results(title: str, path: Path) -> None:
    screen = console()
    record = json.loads(path.read_text("utf-8"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for result in record["tests"]:
        colour = COLOURS[Outcome(result["outcome"])]
        table.add_row(f"[{colour}]{result['outcome']}[/]", escape(result["name"]), escape(result["note"]))
    screen.print(f"[bold]{title}[/] ({record['accelerator']})", highlight=False)
    screen.print(table, highlight=False)
