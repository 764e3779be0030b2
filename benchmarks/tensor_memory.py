"""Tensor memory of the kernel, 1 GiB of it, on each line in a guest whose clock counts instructions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted_guest import build, kernel_of_line
from benchmarks.measure import Ratio
from distrobuild.stages.kernel_test import RESULT, KernelTestOptions, KernelTestStage
from tests import mlos
from tests.jobs import job_in

PROGRAM = mlos.ROOT / "kernel" / "tests" / "tensor_mem_gate.c"
MEMORY_MIB = 4096
MEASURED = re.compile(r"(?P<measured>[\d.]+) ms, (?P<name>\w+) (?P<baseline>[\d.]+) ms, [\d.]+")
"""How the program tells a figure and its baseline."""
BARS = {"creating": "1.3", "attaching": "0.01 and 1 ms", "exporting": "2 ms"}
"""By the first word of a test's name."""


def tensor_memory(folder: Path) -> Iterator[Ratio]:
    """What making, attaching and exporting cost beside filling or copying as much memory."""
    for line in mlos.session().loaded.manifest.kernels:
        for test in _results(folder / "tensor_memory" / line, build(kernel_of_line(line))):
            if found := MEASURED.fullmatch(test["note"]):
                word = test["name"].split()[0]
                measured, baseline = float(found["measured"]), float(found["baseline"])
                yield Ratio(f"{line} {word}", measured, baseline, found["name"], "ms", BARS[word])


def _results(folder: Path, kernel: Path) -> list[dict[str, str]]:
    """Each test's name, outcome and note."""
    inputs = {"kernel": kernel, "program": PROGRAM}
    job = job_in(folder, mlos.build("tools")["tools"].output, inputs, log=lambda _line: None)
    KernelTestStage(KernelTestOptions(counted=True, memory_mib=MEMORY_MIB)).run(job)
    tests: list[dict[str, str]] = json.loads((job.output / RESULT).read_text("utf-8"))["tests"]
    return tests
