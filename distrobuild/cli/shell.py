"""`distrobuild shell STAGE`: a shell inside a stage's sandbox, as it was when the stage failed."""

from __future__ import annotations

import subprocess
import sys

import click

from distrobuild.cli.session import Session, project_options
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Scratch
from distrobuild.engine.events import Event, Stream
from distrobuild.plan.graph import Plan
from distrobuild.plan.key import keys


@click.command("shell")
@click.argument("stage")
@click.argument("program", nargs=-1)
@click.option("--target", default="ubuntu", show_default=True, help="The target that the stage belongs to.")
@project_options
def command(session: Session, stage: str, program: tuple[str, ...], target: str) -> None:
    """Start a shell (or PROGRAM) in the sandbox of STAGE: its inputs, its tools, /work as the last failure left it."""
    selection = session.select(target)
    plan = session.plan(selection, Stream())
    engine = session.engine(selection, Stream())
    node = plan.find(stage)
    for needed in node.needs:
        engine.build(Plan(plan.target, (needed,), plan.epoch, plan.architecture))
    kept = session.store.failed(engine.project, node.name)
    if kept is not None:
        click.echo(f"/work and /out are those of the failed run, kept in {kept}", err=True)
        sys.exit(_enter(engine, plan, node.name, Scratch(kept), program))
    click.echo("the stage has not failed here: /work and /out are empty", err=True)
    with session.store.scratch() as scratch:
        sys.exit(_enter(engine, plan, node.name, scratch, program))


def _enter(engine: Engine, plan: Plan, name: str, scratch: Scratch, program: tuple[str, ...]) -> int:
    def ignore(_event: Event) -> None:
        """A shell speaks for itself."""

    job = engine.job(plan.find(name), keys(plan), plan, scratch, ignore)

    line = job.sandbox.command_line(program or ("bash", "-i"), environment={"TERM": "xterm", "PS1": f"{name}:\\w# "})
    return subprocess.run(line, check=False).returncode
