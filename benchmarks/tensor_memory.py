"""Tensor memory of the kernel, 1 GiB of it, on each line in a guest whose clock counts instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted_guest import build, kernel_of_line
from benchmarks.kernel_gate import notes
from benchmarks.measure import Ratio
from distrobuild.stages.kernel_test import KernelTestOptions
from tests import mlos

PROGRAM = "tensor_mem_gate.c"
OPTIONS = KernelTestOptions(counted=True, memory_mib=4096)
MEASURED = re.compile(r"(?P<measured>[\d.]+) ms, (?P<name>\w+) (?P<baseline>[\d.]+) ms, [\d.]+")
"""How the program tells a figure and its baseline."""
BARS = {"creating": "1.3", "attaching": "0.01 and 1 ms", "exporting": "2 ms"}
"""By the first word of a test's name."""


def tensor_memory(folder: Path) -> Iterator[Ratio]:
    """What making, attaching and exporting cost beside filling or copying as much memory."""
    for line in mlos.session().loaded.manifest.kernels:
        for name, note in notes(folder / "tensor_memory" / line, build(kernel_of_line(line)), PROGRAM, OPTIONS):
            if found := MEASURED.fullmatch(note):
                word = name.split()[0]
                measured, baseline = float(found["measured"]), float(found["baseline"])
                yield Ratio(f"{line} {word}", measured, baseline, found["name"], "ms", BARS[word])
