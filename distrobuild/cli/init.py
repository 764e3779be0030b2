"""`distrobuild init [FOLDER]`: begin a new distribution."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from distrobuild.manifest.loader import load
from distrobuild.manifest.starter import MANIFEST_FILE, write_starter


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write a commented manifest and the few files that it names into FOLDER (default: here).

    Nothing that is already there is overwritten.
    """
    console = Console(highlight=False, soft_wrap=True)
    for path in write_starter(folder):
        console.print(f"  [dim]wrote[/] {path}", markup=True)
    target = next(iter(load([folder / MANIFEST_FILE]).manifest.targets))
    console.print("\nNext:")
    if folder != Path():
        console.print(f"  [bold]cd {folder}[/]")
    for words, meaning in (
        ("doctor", "what this machine lacks"),
        (f"plan {target}", "what a build would do"),
        (f"build {target}", "build it, boot it, test it"),
    ):
        console.print(f"  [bold]distrobuild {words.ljust(len(target) + 8)}[/]{meaning}")
