"""`distrobuild lock`: resolve every input, or refresh what is resolved."""

from __future__ import annotations

import click

from distrobuild.cli.session import Session, console, project_options
from distrobuild.manifest.lock import read_lock, write_lock
from distrobuild.plan.locking import make, version_changes

ALL = "*"


@click.command("lock")
@click.argument("targets", nargs=-1)
@click.option(
    "--update",
    is_flag=False,
    flag_value=ALL,
    metavar="[NAME]",
    help="Take what the archive has now: everything, one section, or one package.",
)
@project_options
def command(session: Session, targets: tuple[str, ...], update: str | None) -> None:
    """Resolve everything that TARGETS (default: all) fetch into distro.lock, and say which versions changed."""
    screen = console()
    before = after = read_lock(session.lock_path)
    for target in targets or tuple(session.loaded.manifest.targets):
        name = None if update == ALL else update
        after = make(after, session.select(target), update=name, update_all=update == ALL)
    write_lock(session.lock_path, after)
    for section in sorted(after.sections):
        changes = [change for change in version_changes(before, after) if change[0] == section]
        count = len(after.sections[section].packages)
        if section not in before.sections:
            screen.print(f"[green]new[/]       {section}: {count} packages", highlight=False)
        elif not changes:
            screen.print(f"[dim]unchanged[/] {section}: {count} packages", highlight=False)
        else:
            screen.print(f"[yellow]changed[/]   {section}: {len(changes)} of {count} packages", highlight=False)
            for _, package, old, new in changes:
                screen.print(f"            {package} {old or 'absent'} -> {new or 'absent'}", highlight=False)
