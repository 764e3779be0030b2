"""`distrobuild cache`: look at the store, clean it, check it, carry it to another machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.table import Table

from distrobuild.cli.session import Session, console, project_options, store_folder
from distrobuild.cli.sizes import parse_size
from distrobuild.cli.view import duration, size
from distrobuild.engine import transfer
from distrobuild.engine.collection import collect
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.manifest.lock import read_lock
from distrobuild.plan.key import keys


@click.group("cache")
def command() -> None:
    """The store of finished outputs."""


@command.command("ls")
def ls() -> None:
    """List every output: stage, size, how long it took, how old it is, how long no build has used it (idle)."""
    screen = console()
    store = Store(store_folder())
    in_use = store.remembered()
    table = Table(box=None, pad_edge=False)
    for column in ("key", "stage", "size", "took", "age", "idle", "use"):
        table.add_column(column, justify="left" if column in ("key", "stage", "use") else "right")
    entries, now = store.entries(), time.time()
    for entry in entries:
        meta = entry.meta
        age, idle = duration(now - meta.finished), duration(now - entry.used)
        used = "last build" if entry.key in in_use else "[dim]older[/]"
        key = entry.key.removeprefix("sha256:")[:12]
        table.add_row(key, meta.stage, size(meta.bytes), duration(meta.seconds), age, idle, used)
    screen.print(table)
    total, room = sum(entry.meta.bytes for entry in entries), sum(entry.room for entry in entries)
    summary = f"{len(entries)} outputs, {size(total)}, {size(room)} on the disk, in {store.root}"
    screen.print(summary, highlight=False, soft_wrap=True)


@command.command("gc")
@click.option("--all", "everything", is_flag=True, help="Remove every output, also those of the last builds.")
@click.option(
    "--keep",
    type=parse_size,
    metavar="SIZE",
    help="At most so much of the disk stays taken (30G): what was not used for longest goes as well.",
)
def gc(everything: bool, keep: int | None) -> None:
    """Remove the outputs that no project's last build used. Fetched files stay: an archive may have lost them."""
    if everything and keep is not None:
        raise click.UsageError("`--all` keeps nothing: leave it or `--keep` out")
    removed = collect(Store(store_folder()), last_builds=not everything, keep=keep)
    console().print(f"removed {removed.outputs} outputs, {size(removed.room)}", highlight=False)


@command.command("verify")
def verify() -> None:
    """Read every byte of every output; remove what is damaged, so that the next build makes it again."""
    screen = console()
    store = Store(store_folder())
    damaged = [entry for entry in store.entries() if not entry.is_intact()]
    for entry in damaged:
        screen.print(f"[red]damaged[/] {entry.meta.stage} {entry.key[:19]}: removed", highlight=False)
        store.remove(entry)
    screen.print(f"{len(store.entries())} outputs are intact, {len(damaged)} were damaged", highlight=False)
    sys.exit(1 if damaged else 0)


@command.command("export")
@click.argument("target")
@click.argument("file", type=click.Path(path_type=Path))
@project_options
def export(session: Session, target: str, file: Path) -> None:
    """Write all that TARGET was built from to FILE: finished outputs and every fetched package."""
    selection = session.select(target)
    wanted = [keyed.key for keyed in keys(session.plan(selection, Stream())).values()]
    lock = read_lock(session.lock_path)
    files = {package.sha256 for section in lock.sections.values() for package in section.packages}
    count = transfer.export(session.store, wanted, sorted(files), file)
    console().print(f"{count} outputs and files written to {file}, {size(file.stat().st_size)}", highlight=False)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Take what `cache export` wrote on another machine."""
    count = transfer.import_(Store(store_folder()), file)
    console().print(f"{count} outputs and files taken from {file}", highlight=False)
