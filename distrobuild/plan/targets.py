"""A selection and its lock as a plan: which stages there are, and what each reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distrobuild.manifest.flatcar_sources import DebianSource, OfficialSource, ReleaseSource
from distrobuild.manifest.lock import Lock
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection

if TYPE_CHECKING:
    from distrobuild.plan.flatcar_parts import FlatcarParts
    from distrobuild.plan.ubuntu import Ubuntu


def plan_target(selection: Selection, lock: Lock) -> Plan:
    """The plan of a selection whose sections the lock all holds."""
    parts = _parts(selection)(selection, lock)
    goals = parts.goals()
    return Plan(selection.name, (*goals, *parts.lints), selection.manifest.epoch, selection.architecture, parts.image)


def _parts(selection: Selection) -> type[Ubuntu | FlatcarParts]:
    """Where the nodes of this kind of target come from.

    No other kind is imported, with its stages: they would take a quarter of the time of an unchanged build.
    """
    target = selection.target
    if not isinstance(target, FlatcarTarget):
        from distrobuild.plan.ubuntu import Ubuntu

        return Ubuntu
    if isinstance(target.source, DebianSource):
        from distrobuild.plan.flatcar import Flatcar

        return Flatcar
    if isinstance(target.source, OfficialSource | ReleaseSource) and target.own_kernel:
        from distrobuild.plan.official_kernel import OfficialFlatcarWithKernel

        return OfficialFlatcarWithKernel
    if isinstance(target.source, OfficialSource | ReleaseSource):
        from distrobuild.plan.official import OfficialFlatcar

        return OfficialFlatcar
    from distrobuild.plan.flatcar_parts import FlatcarParts

    return FlatcarParts
