"""`distrobuild kernel verify`: does every patch stand by itself?"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.kernel.chosen import lock_of, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.cli.view import TerminalView
from distrobuild.engine.events import Stream
from distrobuild.plan.bare_kernel import kernel_named, plan_verify
from distrobuild.plan.early import check_sources
from distrobuild.stages.kernel_verify import RESULT


@click.command("verify")
@click.argument("kernel", required=False)
@kernel_project_options
def command(session: Session, kernel: str | None) -> None:
    """Compile KERNEL (default: the one that targets boot) after each patch, with the symbols of the series and without.

    No patch may bring a warning, and without the symbols the code is what it was. The verdict comes from the store
    while patches and fragments are unchanged. Exits with 1 if a patch is unsound.
    """
    screen = console()
    selection = selection_of(session, kernel_named(session.loaded.manifest, kernel))
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)))
        check_sources(selection)
        plan = plan_verify(selection, lock_of(session, selection, emit))
        (goal,) = plan.goals
        made = session.engine(selection, emit).build(plan)[goal.name].output
    _print(screen, made / RESULT)


def _print(screen: Console, result: Path) -> None:
    table = Table("patch", "off", "on", "style", box=None)
    for row in json.loads(result.read_text("utf-8")):
        on = "" if row["on"] is None else "[green]sound[/]"
        table.add_row(escape(row["patch"]), "[green]sound[/]", on, escape("; ".join(sorted(set(row["style"])))))
    screen.print(table)
