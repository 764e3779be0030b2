"""`distrobuild update TARGET`: what brings machines to this version, without an image or a boot."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import click

from distrobuild.cli.session import Session, console, project_options
from distrobuild.cli.view import TerminalView, size
from distrobuild.engine.events import Stream
from distrobuild.engine.outputs import publish_output
from distrobuild.errors import DistrobuildError
from distrobuild.manifest.targets import FlatcarTarget


class NothingToUpdate(DistrobuildError):
    """A target whose machines are not updated by images."""


@click.command("update")
@click.argument("target")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Processors to use. Default: all.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. Default: out/TARGET/update.")
@project_options
def command(session: Session, target: str, jobs: int | None, output: Path | None) -> None:
    """Make the update that brings machines of TARGET to the manifest's version (`--set version=...` for another).

    The folder can be published by any web server, or copied to a machine.
    """
    selection = session.select(target)
    if not isinstance(selection.target, FlatcarTarget):
        raise NothingToUpdate(
            f"target `{target}` has no image that a machine updates from",
            hint="machines installed from a live medium are updated by apt",
        )
    if selection.kernel is None:
        raise NothingToUpdate(
            f"target `{target}` makes no `/usr` that a machine could be brought to",
            hint="Flatcar updates itself; `sysext.updates` is where machines find newer versions of the extension",
        )
    folder = output or Path("out") / target / "update"
    screen = console()
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)))
        plan = session.plan(selection, emit)
        node = plan.find(f"update/{selection.manifest.version}")
        entry = session.engine(selection, emit, jobs).build(replace(plan, goals=(node,)))[node.name]
        folder.parent.mkdir(parents=True, exist_ok=True)
        publish_output(entry, folder)
    screen.print(f"[bold green]made[/] {folder} ({size(entry.meta.bytes)})", highlight=False, soft_wrap=True)
