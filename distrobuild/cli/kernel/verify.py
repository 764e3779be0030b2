"""`distrobuild kernel verify`: does every patch stand by itself?"""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.kernel.chosen import built, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.plan.bare_kernel import plan_verify
from distrobuild.stages.kernel_verify import RESULT


@click.command("verify")
@click.argument("kernel", required=False)
@kernel_project_options
def command(session: Session, kernel: str | None) -> None:
    """Compile KERNEL (default: the one that targets boot) after each patch, with the symbols of the series and without.

    No patch may bring a warning, and without the symbols the code is what it was. The verdict comes from the store
    while patches and fragments are unchanged. Exits with 1 if a patch is unsound.
    """
    (entry,) = built(session, selection_of(session, kernel), plan_verify).values()
    _print(entry.output / RESULT)


def _print(result: Path) -> None:
    table = Table("patch", "off", "on", "style", box=None)
    for row in json.loads(result.read_text("utf-8")):
        on = "" if row["on"] is None else "[green]sound[/]"
        table.add_row(escape(row["patch"]), "[green]sound[/]", on, escape("; ".join(sorted(set(row["style"])))))
    console().print(table)
