"""The kernel stage against the kernel's own packaging."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bare_kernel import BareKernel
from benchmarks.measure import Ratio, cost
from distrobuild.engine.events import Event, Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import keys
from distrobuild.stages.kernel import KernelStage
from tests import mlos


def kernel(folder: Path) -> Iterator[Ratio]:
    """The stage, ccache off, over bare `make bindeb-pkg` with the same configuration, in the same tools root."""
    finished = mlos.build("kernel")["kernel"].output
    plan = mlos.plan()
    node = plan.find("kernel")
    options = node.stage.options.model_copy(update={"ccache": False})
    uncached = dataclasses.replace(node, stage=KernelStage(options))
    engine = mlos.session().engine(mlos.selection(), Stream())
    store = Store(folder / "kernel store")

    def silent(_event: Event) -> None:
        """The log is not looked at."""

    with store.scratch() as scratch:
        job = engine.job(uncached, keys(plan), plan, scratch, silent)
        with cost() as ours:
            uncached.stage.run(job)
    theirs = BareKernel(folder / "bindeb-pkg").packages(finished / "config")
    yield Ratio("kernel", ours.clock, theirs.clock, "make bindeb-pkg", "s", "1.03")
    yield Ratio("kernel CPU", ours.processors, theirs.processors, "make bindeb-pkg", "s", "1.03")
