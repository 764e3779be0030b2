"""The kernel stage against the kernel's own packaging."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Cost, Ratio, cost
from distrobuild.engine.events import Event, Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import keys
from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.kernel import KernelStage
from tests import mlos


def kernel(folder: Path) -> Iterator[Ratio]:
    """The stage, ccache off, over bare `make bindeb-pkg` with the same configuration, in the same tools root."""
    entries = mlos.build("kernel", "tools", "fetch/kernel")
    plan = mlos.plan()
    node = plan.find("kernel")
    options = node.stage.options.model_copy(update={"ccache": False})
    bare = dataclasses.replace(node, stage=KernelStage(options))
    engine = mlos.session().engine(mlos.selection(), Stream())
    store = Store(folder / "kernel store")

    def silent(_event: Event) -> None:
        """The log is not looked at."""

    with store.scratch() as scratch:
        job = engine.job(bare, keys(plan), plan, scratch, silent)
        with cost() as ours:
            bare.stage.run(job)
    theirs = _bindeb_pkg(folder, entries["tools"].output, entries["fetch/kernel"].output, entries["kernel"].output)
    yield Ratio("kernel", ours.clock, theirs.clock, "make bindeb-pkg", "s", "1.03")
    yield Ratio("kernel CPU", ours.processors, theirs.processors, "make bindeb-pkg", "s", "1.03")


def _bindeb_pkg(folder: Path, tools: Path, source: Path, finished: Path) -> Cost:
    for name in ("work", "out"):
        (folder / name).mkdir()
    inputs = {"source": source, "kernel": finished}
    sandbox = Sandbox(tools, inputs, folder / "work", folder / "out", mlos.plan().epoch, log=lambda _line: None)
    (deb,) = source.glob("linux-source-*.deb")
    sandbox.run(["dpkg-deb", "-x", f"/inputs/source/{deb.name}", "/work/package"])
    (tarball,) = (folder / "work/package/usr/src").glob("linux-source-*.tar.xz")
    sandbox.run(["mkdir", "/work/linux"])
    jobs = len(os.sched_getaffinity(0))
    unpack = ["tar", "-xf", f"/work/package/usr/src/{tarball.name}", "-C", "/work/linux", "--strip-components=1"]
    with cost() as spent:
        sandbox.run(unpack)
        sandbox.run(["cp", "/inputs/kernel/config", "/work/linux/.config"])
        sandbox.run(["make", "olddefconfig"], cwd="/work/linux")
        sandbox.run(["make", f"-j{jobs}", "bindeb-pkg", "DPKG_FLAGS=-d"], cwd="/work/linux")
    return spent
