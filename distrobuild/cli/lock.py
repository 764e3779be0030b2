"""`distrobuild lock`: resolve every input, or refresh what is resolved."""

from __future__ import annotations

from collections.abc import Iterable

import click

from distrobuild.cli.session import Session, console, project_options
from distrobuild.manifest.lock import read_lock, write_lock
from distrobuild.plan.bare_kernel import select_kernel
from distrobuild.plan.locking import Wanted, kernel_sections, make, version_changes, wanted_sections
from distrobuild.plan.selection import Selection, this_architecture

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
    selections = [session.select(target) for target in targets or session.loaded.manifest.targets]
    wanted = {name: section for each in selections for name, section in wanted_sections(each).items()}
    if not targets:
        wanted |= of_other_kernels(session, selections)
    if wanted:
        name = None if update == ALL else update
        after = make(after, wanted, this_architecture(), update=name, update_all=update == ALL)
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


def of_other_kernels(session: Session, selections: Iterable[Selection]) -> dict[str, Wanted]:
    """What those kernels fetch that none of the selections boots: they are built and tested by themselves.

    That is the same for all their flavours, and they need not have the session's.
    """
    manifest, root = session.loaded.manifest, session.loaded.root
    if not any(target.own_kernel for target in manifest.targets.values()):
        return {}  # nor can they be built: that takes a target that boots one
    booted = {each.target.kernel for each in selections if each.kernel is not None}
    others = [
        select_kernel(manifest, root, name, session.base, None) for name in manifest.kernels if name not in booted
    ]
    return {name: section for each in others for name, section in kernel_sections(each).items()}
