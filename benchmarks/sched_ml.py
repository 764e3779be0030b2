"""SCHED_ML beside the kernel's other policies, in one guest whose clock counts instructions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Ratio
from distrobuild.stages.kernel_test import KernelTestOptions, KernelTestStage
from tests import mlos
from tests.jobs import job_in

PROGRAM = mlos.ROOT / "kernel" / "tests" / "sched_ml_gate.c"
ROW = "# | "
"""How the program begins a row: policy, p99 of A and B in ms, C's share in percent and longest gap in ms, p99 of D."""


def sched_ml(folder: Path) -> Iterator[Ratio]:
    """The table of docs/kernel.md, printed as it is, and SCHED_ML's figures as ratios."""
    inputs = {"kernel": mlos.build("kernel")["kernel"].output, "program": PROGRAM}
    job = job_in(folder / "sched_ml", mlos.build("tools")["tools"].output, inputs, log=lambda _line: None)
    KernelTestStage(KernelTestOptions(arguments=("table",), counted=True)).run(job)
    lines = (job.output / "console.log").read_text("utf-8").splitlines()
    rows = [line.partition(ROW)[2].strip(" |").split(" | ") for line in lines if ROW in line]
    print("".join(f"| {' | '.join(row)} |\n" for row in rows))
    figures = {name: [float(figure) for figure in row] for name, *row in rows[1:]}
    ours, fifo, other = (figures[policy] for policy in ("SCHED_ML", "SCHED_FIFO", "SCHED_OTHER"))
    for column, workload in enumerate(("A", "B")):
        yield Ratio(f"SCHED_ML {workload}", ours[column], fifo[column], "SCHED_FIFO", "ms", "1.10")
        yield Ratio(f"SCHED_ML {workload}", ours[column], other[column], "SCHED_OTHER", "ms", "0.25")
    yield Ratio("SCHED_ML C", ours[2], fifo[2], "SCHED_FIFO", "%", "17 %")
    yield Ratio("SCHED_ML gap", ours[3], fifo[3], "SCHED_FIFO", "ms", "110 ms")
    yield Ratio("SCHED_ML D", ours[4], fifo[4], "SCHED_FIFO", "ms", "3 ms")
