"""Root file system and ISO: a small change against all of it, and all of it against live-build."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Ratio
from distrobuild.cli.session import Session
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import keys
from tests import mlos
from tests.stages.local_archive import SigningKey, write_archive

TAKEN = ("fetch/", "tools", "kernel", "deb/", "repository")


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
        start = time.monotonic()
        build(session, store, "ubuntu")
        times.append(time.monotonic() - start)
    return Ratio("overlay", times[1], times[0], "root file system, squashfs and ISO anew", "s", "15 s")


def images(folder: Path) -> Ratio:
    """Root file system and ISO from fetched packages, over live-build with the same packages on the same machine."""
    mlos.build("repository", "fetch/base")  # those are not measured
    start = time.monotonic()
    entries = build(mlos.session(), Store(folder / "another store"), "ubuntu")
    ours = time.monotonic() - start
    return Ratio("images", ours, _live_build(folder / "live-build", entries), "live-build", "s", "0.35")


def build(session: Session, store: Store, target: str, *stages: str) -> Mapping[str, Entry]:
    """Build these stages of a target, or all of it but boots, in `store`.

    Kernel, tools and packages come from the user's own store, where they are built first if they are not there.
    """
    selection = session.select(target)
    whole = session.plan(selection, Stream()).without("boot")
    plan = replace(whole, goals=tuple(whole.find(name) for name in stages)) if stages else whole
    taken = tuple(node for node in plan if node.name.startswith(TAKEN))
    first = mlos.session().engine(selection, Stream(mlos.say)).build(replace(plan, goals=taken))
    for name, keyed in keys(plan).items():
        place = store.root / "outputs" / keyed.key.removeprefix("sha256:")
        if name in first and not place.exists():
            place.symlink_to(first[name].path)
    return Engine(store, "benchmark", Stream(), cpus=2).build(plan)


def _live_build(folder: Path, entries: Mapping[str, Entry]) -> float:
    """Seconds that live-build needs for an ISO of the same packages, from a mirror in a folder."""
    if shutil.which("lb") is None:
        subprocess.run(["apt-get", "install", "--yes", "-qq", "live-build"], check=True, stdout=subprocess.DEVNULL)
    folder.mkdir()
    key = SigningKey.make(folder, "mirror")
    debs = sorted(mlos.build("fetch/base")["fetch/base"].output.glob("*.deb"))
    kernels = sorted((entries["kernel"].output / "debs").glob("linux-image-*.deb"))
    suite = mlos.selection().base.suite
    write_archive(folder / "mirror", {suite: {"main": [*debs, *kernels]}}, key)
    work = folder / "work"
    (work / "config/package-lists").mkdir(parents=True)
    names = mlos.plan().find("rootfs").stage.options.packages
    (work / "config/package-lists/same.list.chroot").write_text("\n".join(names) + "\n")
    mirror = f"file://{folder}/mirror"
    arguments = [
        "--distribution",
        suite,
        "--mirror-bootstrap",
        mirror,
        "--mirror-chroot",
        mirror,
        "--mirror-binary",
        mirror,
    ]
    arguments += ["--archive-areas", "main", "--security", "false", "--updates", "false", "--apt-recommends", "false"]
    arguments += ["--linux-packages", kernels[0].name.split("_")[0], "--linux-flavours", "none", "--memtest", "none"]
    arguments += [
        "--apt-secure",
        "false",
        "--firmware-chroot",
        "false",
        "--firmware-binary",
        "false",
        "--cache",
        "false",
    ]
    subprocess.run(["lb", "config", *arguments], cwd=work, check=True, stdout=subprocess.DEVNULL)
    start = time.monotonic()
    with (folder / "live-build.log").open("w") as log:
        subprocess.run(["lb", "build"], cwd=work, check=True, stdout=log, stderr=subprocess.STDOUT)
    return time.monotonic() - start
