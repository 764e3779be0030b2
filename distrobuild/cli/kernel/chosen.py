"""What the commands about a kernel share: the selection that it stands in, its part of the lock, and a build of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from distrobuild.cli.session import Session, console
from distrobuild.cli.view import TerminalView
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.manifest.lock import Lock
from distrobuild.plan.bare_kernel import kernel_named, select_kernel
from distrobuild.plan.early import check_sources
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection

Planner = Callable[[Selection, Lock], Plan]
"""What a command wants of a kernel."""


def selection_of(session: Session, kernel: str | None, flavour: str | None = None) -> Selection:
    """The kernel (without a name: the one that targets boot) in this flavour, else in the one the session asks for."""
    manifest, root = session.loaded.manifest, session.loaded.root
    return select_kernel(manifest, root, kernel_named(manifest, kernel), session.base, flavour or session.flavour)


def lock_of(session: Session, selection: Selection, emit: Stream) -> Lock:
    """The lock, in which only what the kernel needs must be there: no archive of a base is asked."""
    return session.lock(selection, emit, only_kernel=True)


@contextlib.contextmanager
def planned(session: Session, selection: Selection, planner: Planner) -> Iterator[tuple[Engine, Plan]]:
    """The plan, and an engine for it whose work the terminal shows.

    Mistakes in the kernel's files are found before anything is resolved or made.
    """
    with TerminalView(console()) as view:
        emit = Stream(view)
        check_sources(selection)
        plan = planner(selection, lock_of(session, selection, emit))
        yield session.engine(selection, emit), plan


def built(session: Session, selection: Selection, planner: Planner) -> dict[str, Entry]:
    """What the plan is for, from the store or made now: its goals by name, in the plan's order."""
    with planned(session, selection, planner) as (engine, plan):
        entries = engine.build(plan)
    return {goal.name: entries[goal.name] for goal in plan.goals}
