"""A job to run a stage with, outside of a build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.stage import Job

EPOCH = 1767225600
"""2026-01-01, the manifest's default."""


def job_in(
    folder: Path,
    tools_root: Path,
    inputs: Mapping[str, Path],
    epoch: int = EPOCH,
    cpus: int = 2,
    log: Callable[[str], None] = print,
) -> Job:
    """A job with these inputs and empty folders of its own below `folder`; `log` gets its lines."""
    work, output, cache = (folder / part for part in ("work", "output", "cache"))
    for place in (work, output, cache):
        place.mkdir(parents=True)
    sandbox = Sandbox(root=tools_root, inputs=inputs, work=work, output=output, epoch=epoch, log=log)
    return Job(inputs=inputs, work=work, output=output, sandbox=sandbox, log=log, epoch=epoch, cpus=cpus, cache=cache)
