"""The accelerator hub on each line of the kernel: what a job costs, and who waits, on the software device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted_guest import build, kernel_of_line
from benchmarks.kernel_gate import notes
from benchmarks.measure import Ratio
from distrobuild.stages.kernel_test import KernelTestOptions
from tests import mlos

OPTIONS = KernelTestOptions(counted=True, modules=("accel_sim",))


def accel_hub(folder: Path) -> Iterator[Ratio]:
    """From giving an empty job to its end; 100,000 jobs of 64 contexts; two levels of SCHED_ML under overload."""
    for line in mlos.session().loaded.manifest.kernels:
        told = notes(folder / "accel_hub" / line, build(kernel_of_line(line)), "accel_hub_gate.c", OPTIONS)
        empty, lost, share, levels = (_figures(note) for _, note in told)
        yield Ratio(f"{line} empty job", empty[0], empty[1], "the wake-ups of two threads", "us", "50 us more")
        yield Ratio(f"{line} lost jobs", lost[0], lost[1], "all jobs", "jobs", "0")
        yield Ratio(f"{line} least share", share[0], 1.0, "an equal share", "", "0.9 or more")
        yield Ratio(f"{line} level 4", levels[0], levels[1], "level 1", "ms", "0.1")


def _figures(note: str) -> list[float]:
    """The figures of a note, in their order; not those in names (`p99`, `level 1`)."""
    return [float(figure) for figure in re.findall(r"(?<![\w.])(?<!level )\d+(?:\.\d+)?", note)]
