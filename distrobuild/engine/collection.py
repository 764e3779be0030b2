"""Which outputs leave the store when it is cleaned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from distrobuild.engine.entry import Entry
from distrobuild.engine.store import Store, remove_tree


@dataclass(frozen=True)
class Collected:
    """How many outputs left, and the bytes of the disk that they took."""

    outputs: int
    room: int


def collect(store: Store, *, last_builds: bool = True, keep: int | None = None) -> Collected:
    """Remove the outputs that no project's last build used; without `last_builds`, all.

    Of what would stay, so many go that the rest takes at most `keep` bytes of the disk: those that were not used for
    longest. What killed and failed builds left goes, too. Raises `StoreInUse` if a build runs.
    """
    with store.collect():
        store.sweep()
        in_use = store.remembered() if last_builds else set()
        entries = store.entries()
        leaving = [entry for entry in entries if entry.key not in in_use]
        if keep is not None:
            leaving += beyond(keep, [entry for entry in entries if entry.key in in_use])
        freed = sum(entry.room for entry in leaving)
        for entry in leaving:
            store.remove(entry)
        for failed in (store.root / "failed").iterdir():
            remove_tree(failed)
    return Collected(len(leaving), freed)


def beyond(room: int, entries: Iterable[Entry]) -> list[Entry]:
    """The entries that have to go for the others to take at most `room` bytes: those not used for longest.

    Of those that one build used in the same instant, what was made first goes first: later stages need no earlier ones.
    """
    by_use = sorted(entries, key=lambda entry: (entry.used, entry.meta.finished))
    rooms = [entry.room for entry in by_use]
    excess = sum(rooms) - room
    leaving = []
    for entry, taken in zip(by_use, rooms, strict=True):
        if excess <= 0:
            break
        leaving.append(entry)
        excess -= taken
    return leaving
