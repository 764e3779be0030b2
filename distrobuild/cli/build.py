"""`distrobuild build TARGET`: everything from the manifest to the booted image."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
from rich.console import Console

from distrobuild.cli.session import Session, console, project_options
from distrobuild.cli.view import TerminalView, size
from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import GitHubAnnotations, JsonLines, Note, Reader, Stream
from distrobuild.engine.outputs import Published, publish
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection


@click.command("build")
@click.argument("target")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Processors to use. Default: all.")
@click.option("--events", type=click.Path(path_type=Path), metavar="FILE", help="Append every event as a line of JSON.")
@click.option("--dev", is_flag=True, help="Log root in on the consoles of the image, for debugging.")
@click.option("--no-boot", is_flag=True, help="Stop at the image; do not boot it.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("out"), show_default=True, help="Folder of results."
)
@project_options
def command(
    session: Session, target: str, jobs: int | None, events: Path | None, dev: bool, no_boot: bool, output: Path
) -> None:
    """Build TARGET, boot it and run its box tests. What is finished already comes from the store."""
    screen = console()
    readers: list[Reader] = [JsonLines(events)] if events else []
    if GitHubAnnotations.wanted():
        readers.append(GitHubAnnotations())
    selection = session.select(target, dev=dev)
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)), *readers)
        emit(Note(text=f"{selection.title} {selection.manifest.version}: {target}, {selection.origin}"))
        for remark in selection.remarks:
            emit(Note(text=remark))
        plan = session.plan(selection, emit)
        if no_boot:
            plan = plan.without("boot")
        engine = session.engine(selection, emit, jobs)
        try:
            entries = engine.build(plan)
        except StageError as error:
            _keep_image(selection, plan, engine, output / target, error.stage, screen)
            raise
        result = publish(selection, plan, entries, output / target)
    _print_files("[bold green]built[/]", result, screen)
    _print_proofs(result, screen)


def _keep_image(selection: Selection, plan: Plan, engine: Engine, folder: Path, failed: str, screen: Console) -> None:
    """An image whose boot or box tests failed is still handed out, with what was seen."""
    entries = engine.finished(plan)
    left = engine.store.failed(engine.project, failed)
    if plan.image is not None and plan.image.name in entries and left is not None:
        result = publish(selection, plan, entries, folder, {failed: left / "out"})
        _print_files("[bold red]not proven[/]", result, screen)
        _print_proofs(result, screen)


def _print_files(outcome: str, result: Published, screen: Console) -> None:
    """The image, or all that was made where there is none."""
    for path in result.files if result.image is None else (result.image,):
        screen.print(f"{outcome} {path} ({size(path.stat().st_size)})", highlight=False, soft_wrap=True)


def _print_proofs(result: Published, screen: Console) -> None:
    for line in result.proofs:
        screen.print(f"      {line}", highlight=False)
