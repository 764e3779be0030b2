"""The disk image: all of it, and what one changed file costs; how large its parts are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.images import build
from benchmarks.measure import Ratio
from distrobuild.cli.session import Session
from distrobuild.engine.store import Store
from tests import mlos

MEBIBYTE = 1 << 20
UNIT = "packages/mlos-node/files/usr/lib/systemd/system/mlos-hugepages.service"


def flatcar(folder: Path) -> Iterator[Ratio]:
    """From packages to the image over its root file system alone; then one unit file changed, over all of it."""
    project = mlos.copy_project(folder / "flatcar")
    session = Session((project / "distro.yaml",), (), mlos.BASE, mlos.FLAVOUR)
    store = Store(folder / "flatcar store")
    build(session, store, "flatcar", "kernel", "repository", "fetch/base")  # those are not measured
    whole = build(session, store, "flatcar", "disk", "sysext")
    entries = whole.entries
    yield Ratio("flatcar", whole.seconds, entries["rootfs"].meta.seconds, "its rootfs stage", "s", "60 s")
    for name, bar in (("sysext", "5 s"), ("disk", "30 s")):
        with (project / UNIT).open("a") as unit:
            unit.write(f"# changed for {name}\n")
        anew = build(session, store, "flatcar", name).seconds
        yield Ratio(f"new {name}", anew, whole.seconds, "image and extension anew", "s", bar)
    squashfs = entries["squashfs/usr"].output / "filesystem.squashfs"
    yield Ratio("usr", squashfs.stat().st_size / MEBIBYTE, 150.0, "the bar", "MiB", "150 MiB")
    (extension,) = entries["sysext"].output.glob("*.raw")
    yield Ratio("extension", extension.stat().st_size / MEBIBYTE, 5.0, "the bar", "MiB", "5 MiB")
