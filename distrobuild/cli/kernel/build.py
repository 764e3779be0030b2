"""`distrobuild kernel build`: a kernel by itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from distrobuild.cli.kernel.chosen import built, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.plan.bare_kernel import plan_kernel


@click.command("build")
@click.argument("kernel", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("out/kernel"), show_default=True, help="Folder."
)
@kernel_project_options
def command(session: Session, kernel: str | None, output: Path) -> None:
    """Build KERNEL (default: the one that targets boot) by itself: its packages and its configuration."""
    (entry,) = built(session, selection_of(session, kernel), plan_kernel).values()
    output.mkdir(parents=True, exist_ok=True)
    for path in (*sorted((entry.output / "debs").iterdir()), entry.output / "config"):
        shutil.copyfile(path, output / path.name)
        console().print(f"[bold green]built[/] {output / path.name}", highlight=False, soft_wrap=True)
