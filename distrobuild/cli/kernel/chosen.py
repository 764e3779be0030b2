"""What the commands about a kernel share: the selection that it stands in, and the part of the lock that it needs."""

from __future__ import annotations

from distrobuild.cli.session import Session
from distrobuild.engine.events import Stream
from distrobuild.manifest.lock import Lock
from distrobuild.plan.bare_kernel import select_kernel
from distrobuild.plan.selection import Selection


def selection_of(session: Session, kernel: str) -> Selection:
    """The kernel, which the manifest has, in the flavour that the session asks for."""
    return select_kernel(session.loaded.manifest, session.loaded.root, kernel, session.base, session.flavour)


def lock_of(session: Session, selection: Selection, emit: Stream) -> Lock:
    """The lock, in which only what the kernel needs must be there: no archive of a base is asked."""
    return session.lock(selection, emit, only_kernel=True)
