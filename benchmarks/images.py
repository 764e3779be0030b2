"""Root file system and ISO: a small change against all of it, and all of it against live-build."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.live_build import live_build
from benchmarks.measure import Ratio
from distrobuild.cli.session import Session
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import keys
from tests import mlos

TAKEN = ("fetch/", "tools", "kernel")
"""What is not measured: fetched, or measured by itself."""
PACKAGES = ("deb/", "repository")


@dataclass(frozen=True)
class Built:
    """What a build made, and how many seconds it took."""

    entries: Mapping[str, Entry]
    seconds: float


def overlay(folder: Path) -> Ratio:
    """From one changed file of the overlay to the new ISO, over installing, packing and writing everything."""
    project = mlos.copy_project(folder / "overlay")
    (project / "overlay/etc").mkdir(parents=True)
    session = Session((project / "distro.yaml",), ("targets.ubuntu.overlay=overlay",), mlos.BASE, mlos.FLAVOUR)
    mlos.build("repository", "fetch/base")  # those are not measured
    store = Store(folder / "store")
    times = []
    for text in ("one", "two"):
        (project / "overlay/etc/benchmark").write_text(text)
        times.append(build(session, store, "ubuntu", "iso", taken=(*TAKEN, *PACKAGES)).seconds)
    return Ratio("overlay", times[1], times[0], "root file system, squashfs and ISO anew", "s", "15 s")


def images(folder: Path) -> Ratio:
    """Root file system and ISO from fetched packages, over live-build with the same packages on the same machine."""
    mlos.build("repository", "fetch/base")  # those are not measured
    store = Store(folder / "another store")
    ours = build(mlos.session(), store, "ubuntu", "iso", taken=(*TAKEN, *PACKAGES))
    theirs = live_build(folder / "live-build", ours.entries)
    return Ratio("images", ours.seconds, theirs, "live-build", "s", "0.35")


def build(session: Session, store: Store, target: str, *stages: str, taken: tuple[str, ...] = TAKEN) -> Built:
    """Build these stages of a target, or all of it but boots, in `store`.

    Stages whose names begin with one of `taken` come from the user's own store, where they are built first if missing.
    """
    selection = session.select(target)
    whole = session.plan(selection, Stream()).without("boot")
    plan = replace(whole, goals=tuple(whole.find(name) for name in stages)) if stages else whole
    goals = tuple(node for node in plan if node.name.startswith(taken))
    first = mlos.session().engine(selection, Stream(mlos.say)).build(replace(plan, goals=goals))
    for name, keyed in keys(plan).items():
        place = store.root / "outputs" / keyed.key.removeprefix("sha256:")
        if name in first and not place.exists():
            place.symlink_to(first[name].path)
    start = time.monotonic()
    entries = Engine(store, "benchmark", Stream(), cpus=2).build(plan)
    return Built(entries, time.monotonic() - start)
