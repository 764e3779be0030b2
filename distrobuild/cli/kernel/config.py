"""`distrobuild kernel config`: what a kernel is configured as, and who asked for it; nothing is compiled."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distrobuild.cli.kernel.chosen import built, selection_of
from distrobuild.cli.session import Session, console, kernel_project_options
from distrobuild.engine.entry import Entry
from distrobuild.errors import DistrobuildError
from distrobuild.formats import kconfig
from distrobuild.plan.bare_kernel import plan_settings
from distrobuild.plan.selection import Selection
from distrobuild.stages.kernel_settings import REQUESTED

PREFIX = "CONFIG_"


@click.command("config")
@click.argument("kernel", required=False)
@click.option("--all", "every", is_flag=True, help="Every flavour of every kernel: do all fragments get what they ask?")
@click.option("--show", "symbols", multiple=True, metavar="SYMBOL", help="Value of a symbol, and who asked for it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the configuration there.")
@kernel_project_options
def command(session: Session, kernel: str | None, every: bool, symbols: tuple[str, ...], output: Path | None) -> None:
    """Configure KERNEL (default: the one that targets boot) in a flavour, and say what its fragments asked for.

    Every symbol that a fragment asks for must have its value in the end; those that have not are listed with the
    reason. `--all` goes on to the last flavour, and exits with 1 if one lost a symbol.
    """
    if every and (kernel or symbols or output or session.flavour):
        hint = "leave KERNEL, `--flavour`, `--show` and `-o` out"
        raise DistrobuildError("`--all` is about no kernel and no flavour in particular", hint=hint)
    screen = console()
    if every:
        _configure_all(session, screen)
        return
    selection = selection_of(session, kernel)
    (entry,) = built(session, selection, plan_settings).values()
    if output is not None:
        shutil.copyfile(entry.output / "config", output)
        screen.print(f"[bold green]wrote[/] {output}", highlight=False, soft_wrap=True)
    if symbols:
        _print_symbols(screen, symbols, entry)
    elif output is None:
        _print_fragments(screen, selection, entry)


def _configure_all(session: Session, screen: Console) -> None:
    """Configure every flavour of every kernel; then say what is wrong with which, and end with 1 if anything is."""
    mistakes: dict[str, list[str]] = {}
    for name, kernel in session.loaded.manifest.kernels.items():
        for flavour in kernel.flavours:
            try:
                selection = selection_of(session, name, flavour)
                (entry,) = built(session, selection, plan_settings).values()
            except DistrobuildError as error:
                mistakes.setdefault(str(error), []).append(f"{name}, flavour {flavour}")
            else:
                _print_fragments(screen, selection, entry)
    for text, places in mistakes.items():
        click.echo(f"{'; '.join(places)}:\n{text}", err=True)
    if mistakes:
        raise click.exceptions.Exit(1)


def _print_fragments(screen: Console, selection: Selection, entry: Entry) -> None:
    """How many symbols each fragment decided."""
    config = kconfig.parse_config((entry.output / "config").read_text("utf-8"))
    values = Counter(value for value in config.values() if value in ("y", "m"))
    counts = f"{values['y']} symbols built in, {values['m']} as modules; asked for by"
    screen.print(f"[bold]{selection.target.kernel}[/], flavour {selection.flavour}: {counts}", highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for file, count in Counter(row["file"] for row in _requested(entry)).items():
        table.add_row(escape(file), str(count))
    screen.print(table, highlight=False)


def _print_symbols(screen: Console, symbols: Iterable[str], entry: Entry) -> None:
    config = kconfig.parse_config((entry.output / "config").read_text("utf-8"))
    rows = {row["symbol"]: row for row in _requested(entry)}
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for word in symbols:
        symbol = word.removeprefix(PREFIX)
        row = rows.get(symbol)
        origin = f"{row['file']}:{row['line']}" if row else "asked for by no fragment"
        table.add_row(escape(kconfig.line(symbol, config.get(symbol, "n"))), f"[dim]{escape(origin)}[/]")
    screen.print(table, highlight=False)


def _requested(entry: Entry) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((entry.output / REQUESTED).read_text("utf-8"))
    return rows
