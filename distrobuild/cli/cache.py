"""`distrobuild cache`: look at the store, clean it, check it, carry it to another machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.table import Table

from distrobuild.cli.session import Session, console, project_options, store_folder
from distrobuild.cli.view import duration, size
from distrobuild.engine import transfer
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store, remove_tree
from distrobuild.manifest.lock import read_lock
from distrobuild.plan.key import keys


@click.group("cache")
def command() -> None:
    """The store of finished outputs."""


@command.command("ls")
def ls() -> None:
    """List every output: stage, size, how long it took, how old it is."""
    screen = console()
    store = Store(store_folder())
    in_use = store.remembered()
    table = Table(box=None, pad_edge=False)
    for column in ("key", "stage", "size", "took", "age", "use"):
        table.add_column(column, justify="right" if column in ("size", "took", "age") else "left")
    entries = store.entries()
    for entry in entries:
        meta = entry.meta
        age = duration(time.time() - meta.finished)
        used = "last build" if entry.key in in_use else "[dim]older[/]"
        key = entry.key.removeprefix("sha256:")[:12]
        table.add_row(key, meta.stage, size(meta.bytes), duration(meta.seconds), age, used)
    screen.print(table)
    total = sum(entry.meta.bytes for entry in entries)
    screen.print(f"{len(entries)} outputs, {size(total)}, in {store.root}", highlight=False, soft_wrap=True)


@command.command("gc")
@click.option("--all", "everything", is_flag=True, help="Remove every output, also those of the last builds.")
def gc(everything: bool) -> None:
    """Remove the outputs that no project's last build used. Fetched files stay: an archive may have lost them."""
    store = Store(store_folder())
    freed = count = 0
    with store.collect():
        store.sweep()
        in_use = set() if everything else store.remembered()
        for entry in store.entries():
            if entry.key not in in_use:
                freed += entry.meta.bytes
                count += 1
                store.remove(entry)
        for kept in (store.root / "failed").iterdir():
            remove_tree(kept)
    console().print(f"removed {count} outputs, {size(freed)}", highlight=False)


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
