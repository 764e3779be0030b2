"""A selection and its lock as a plan: which stages there are, and what each reads."""

from __future__ import annotations

from distrobuild.manifest.lock import Lock
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.plan.flatcar import Flatcar
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection
from distrobuild.plan.ubuntu import Ubuntu


def plan_target(selection: Selection, lock: Lock) -> Plan:
    """The plan of a selection whose sections the lock all holds."""
    kind = Flatcar if isinstance(selection.target, FlatcarTarget) else Ubuntu
    return Plan(selection.name, kind(selection, lock).goals(), selection.manifest.epoch, selection.architecture)
