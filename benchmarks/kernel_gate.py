"""A program of kernel/tests on a bare kernel, in a guest whose clock counts instructions: what its tests note down."""

from __future__ import annotations

import json
from pathlib import Path

from distrobuild.stages.kernel_test import RESULT, KernelTestOptions, KernelTestStage
from tests import mlos
from tests.jobs import job_in

PROGRAMS = mlos.ROOT / "kernel" / "tests"


def notes(folder: Path, kernel: Path, program: str, options: KernelTestOptions) -> list[tuple[str, str]]:
    """Name and note of each test of `PROGRAMS/program`, on the kernel of this stage's output."""
    inputs = {"kernel": kernel, "program": PROGRAMS / program, "include": PROGRAMS / "include"}
    job = job_in(folder, mlos.build("tools")["tools"].output, inputs, log=lambda _line: None)
    KernelTestStage(options).run(job)
    tests: list[dict[str, str]] = json.loads((job.output / RESULT).read_text("utf-8"))["tests"]
    return [(test["name"], test["note"]) for test in tests]
