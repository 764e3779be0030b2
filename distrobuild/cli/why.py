"""`distrobuild why STAGE`: what changed since the last build, field by field."""

from __future__ import annotations

import click
from rich.console import Console

from distrobuild.cli.session import Session, console, project_options
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import Keyed, keys
from distrobuild.plan.why import changed_stages, differences


@click.command("why")
@click.argument("stage")
@click.option("--target", default="ubuntu", show_default=True, help="The target that the stage belongs to.")
@project_options
def command(session: Session, stage: str, target: str) -> None:
    """Say why STAGE would run again: every field of its key that differs from the last build."""
    screen = console()
    selection = session.select(target)
    plan = session.plan(selection, Stream())
    node = plan.find(stage)
    explain(screen, session.store, session.engine(selection, Stream()).project, keys(plan), node.name)


def explain(screen: Console, store: Store, project: str, keyed: dict[str, Keyed], stage: str, depth: int = 0) -> None:
    """Print the differences of one stage, then those of the stages they come from."""
    indent = "  " * depth
    now = keyed[stage]
    before = store.recall(project, stage)
    if before is None:
        screen.print(f"{indent}[bold]{stage}[/] has never been built here", highlight=False)
        return
    if before["key"] == now.key:
        state = "is unchanged and in the store" if store.find(now.key) else "is unchanged, but no longer in the store"
        screen.print(f"{indent}[bold]{stage}[/] {state}", highlight=False)
        return
    screen.print(f"{indent}[bold]{stage}[/] runs again:", highlight=False)
    causes = changed_stages(before["record"], now.record)
    tools = next((node.tools.name for node in [now.node] if node.tools), None)
    if tools and before["record"]["tools"] != now.record["tools"]:
        causes.append(tools)
    for change in differences(before["record"], now.record):
        screen.print(f"{indent}  {change}", highlight=False, markup=False)
    for cause in dict.fromkeys(causes):
        explain(screen, store, project, keyed, cause, depth + 1)
