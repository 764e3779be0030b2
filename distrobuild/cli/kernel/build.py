"""`distrobuild kernel build`: a kernel by itself."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import click

from distrobuild.cli.kernel.chosen import lock_of, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.cli.view import TerminalView
from distrobuild.engine.events import Stream
from distrobuild.plan.bare_kernel import kernel_named, plan_kernel
from distrobuild.plan.early import check_sources


@click.command("build")
@click.argument("kernel", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("out/kernel"), show_default=True, help="Folder."
)
@kernel_project_options
def command(session: Session, kernel: str | None, output: Path) -> None:
    """Build KERNEL (default: the one that targets boot) by itself: its packages and its configuration."""
    screen = console()
    selection = selection_of(session, kernel_named(session.loaded.manifest, kernel))
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(screen)))
        check_sources(selection)
        plan = plan_kernel(selection, lock_of(session, selection, emit))
        (goal,) = plan.goals
        made = session.engine(selection, emit).build(plan)[goal.name].output
    output.mkdir(parents=True, exist_ok=True)
    for path in (*sorted((made / "debs").iterdir()), made / "config"):
        shutil.copyfile(path, output / path.name)
        screen.print(f"[bold green]built[/] {output / path.name}", highlight=False, soft_wrap=True)
