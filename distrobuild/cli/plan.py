"""`distrobuild plan TARGET`: what a build would do."""

from __future__ import annotations

import json

import click
from rich.table import Table

from distrobuild.cli.session import Session, console, project_options
from distrobuild.cli.view import duration, size
from distrobuild.engine.events import Note, Stream
from distrobuild.engine.host import findings
from distrobuild.plan.key import keys


@click.command("plan")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the graph with keys as JSON.")
@project_options
def command(session: Session, target: str, as_json: bool) -> None:
    """Show the stages of TARGET: from the store or to run, size, expected time, and what this machine lacks."""
    screen = console()

    def say(event: object) -> None:
        if isinstance(event, Note):
            click.echo(f"note: {event.text}", err=True)

    selection = session.select(target)
    plan = session.plan(selection, Stream(say))
    engine = session.engine(selection, Stream())
    keyed = keys(plan)
    missing = engine.missing(plan, keyed)
    if as_json:
        rows = {
            node.name: {"key": keyed[node.name].key, "needs": [n.name for n in node.needs], "run": node.name in missing}
            for node in plan
        }
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column, justify in (
        ("stage", "left"),
        ("state", "left"),
        ("size", "right"),
        ("time", "right"),
        ("reads", "left"),
    ):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    total = 0.0
    for node in plan:
        entry = session.store.find(keyed[node.name].key)
        before = session.store.recall(engine.project, node.name)
        known = entry.meta if entry else None
        seconds = known.seconds if known else (before["meta"]["seconds"] if before else None)
        state = (
            "[green]in the store[/]" if entry else "[yellow]to run[/]" if node.name in missing else "[dim]not needed[/]"
        )
        if node.name in missing and seconds:
            total += seconds
        table.add_row(
            node.name,
            state,
            size(known.bytes) if known else "",
            duration(seconds) if seconds is not None else "?",
            " ".join(needed.name for needed in node.needs if needed is not node.tools),
        )
    screen.print(table)
    if missing:
        screen.print(f"{len(missing)} of {len(keyed)} stages to run, {duration(total)} of work as far as known")
    else:
        screen.print("nothing to do")
    for finding in findings():
        if not finding.fine:
            screen.print(f"[red]this machine lacks[/] {finding.what}: {finding.remedy}", highlight=False)
