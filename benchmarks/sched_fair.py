"""What a machine that never uses SCHED_ML loses by having it: Debian's scheduler benchmarks on both kernels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.counted_guest import CountedGuest, debian, mlrun
from benchmarks.measure import Ratio
from benchmarks.unpatched import unpatched
from tests import mlos

BAR = "1.01"
PROGRAM = ("python3", "/bench/fair_load.py")


def sched_fair(folder: Path) -> Iterator[Ratio]:
    """hackbench, stress-ng and cyclictest on our kernel over the same on a kernel without the series."""
    folder = folder / "sched_fair"
    folder.mkdir()
    guest = CountedGuest(folder, debian(), {"mlrun": mlrun(folder)})
    theirs = _figures(guest, unpatched(folder / "fragments"), PROGRAM)
    ours = _figures(guest, mlos.build("kernel")["kernel"].output, (*PROGRAM, "/bench/mlrun"))
    for name, (figure, unit) in theirs.items():
        yield Ratio(name, ours[name][0], figure, "no series", unit, BAR)
    for which in ("average", "longest"):
        beside, (plain, unit) = (
            ours[f"cyclictest beside SCHED_ML, {which}"][0],
            ours[f"cyclictest, priority 95, {which}"],
        )
        yield Ratio(f"cyclictest, priority 95, {which}", beside, plain, "the load as SCHED_OTHER", unit, "none")


def _figures(guest: CountedGuest, kernel: Path, program: Sequence[str]) -> dict[str, tuple[float, str]]:
    lines = guest.run(kernel, program)
    said = [json.loads(line) for line in lines if line.startswith('{"name"')]
    return {each["name"]: (each["figure"], each["unit"]) for each in said}
