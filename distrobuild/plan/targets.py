"""A selection and its lock as a plan: which stages there are, and what each reads."""

from __future__ import annotations

from distrobuild.manifest.lock import Lock
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection
from distrobuild.plan.ubuntu import Ubuntu


def plan_target(selection: Selection, lock: Lock) -> Plan:
    """The plan of a selection whose sections the lock all holds."""
    nodes = Ubuntu(selection, lock)
    goals = nodes.boots or (nodes.iso,)
    return Plan(selection.name, goals, selection.manifest.epoch, selection.architecture)
