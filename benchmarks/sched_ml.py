"""SCHED_ML beside the kernel's other policies, on each line of it, in a guest whose clock counts instructions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted_guest import build, kernel_of_line
from benchmarks.measure import Ratio
from distrobuild.stages.kernel_test import KernelTestOptions, KernelTestStage
from tests import mlos
from tests.jobs import job_in

PROGRAM = mlos.ROOT / "kernel" / "tests" / "sched_ml_gate.c"
ROW = "# | "
"""How the program begins a row: policy, p99 of A and B in ms, C's share in percent and longest gap in ms, p99 of D."""


def sched_ml(folder: Path) -> Iterator[Ratio]:
    """The tables of docs/kernel.md, printed as they are, and SCHED_ML's figures as ratios."""
    for name in mlos.session().loaded.manifest.kernels:
        rows = _table(folder / "sched_ml" / name, build(kernel_of_line(name)))
        print(f"{name}\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
        figures = {policy: [float(figure) for figure in row] for policy, *row in rows[1:]}
        ours, fifo, other = (figures[policy] for policy in ("SCHED_ML", "SCHED_FIFO", "SCHED_OTHER"))
        for column, workload in enumerate(("A", "B")):
            yield Ratio(f"{name} {workload}", ours[column], fifo[column], "SCHED_FIFO", "ms", "1.10")
            yield Ratio(f"{name} {workload}", ours[column], other[column], "SCHED_OTHER", "ms", "0.25")
        yield Ratio(f"{name} C", ours[2], fifo[2], "SCHED_FIFO", "%", "17 %")
        yield Ratio(f"{name} gap", ours[3], fifo[3], "SCHED_FIFO", "ms", "110 ms")
        yield Ratio(f"{name} D", ours[4], fifo[4], "SCHED_FIFO", "ms", "3 ms")


def _table(folder: Path, kernel: Path) -> list[list[str]]:
    """What the program says under each policy, the heads of the columns first."""
    inputs = {"kernel": kernel, "program": PROGRAM}
    job = job_in(folder, mlos.build("tools")["tools"].output, inputs, log=lambda _line: None)
    KernelTestStage(KernelTestOptions(arguments=("table",), counted=True)).run(job)
    lines = (job.output / "console.log").read_text("utf-8").splitlines()
    return [line.partition(ROW)[2].strip(" |").split(" | ") for line in lines if ROW in line]
