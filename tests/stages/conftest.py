"""What every test with real tools needs: the tools root, and a job to run a stage with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.stage import Job
from tests import mlos

EPOCH = 1767225600
"""2026-01-01, the manifest's default."""


@pytest.fixture(scope="session")
def tools_root() -> Path:
    """The root file system that supplies every program: this project's own, built where the store lacks it.

    DISTROBUILD_TOOLS_ROOT names another one, to work on a stage without a lock.
    """
    place = os.environ.get("DISTROBUILD_TOOLS_ROOT")
    return Path(place) if place else mlos.build("tools")["tools"].output


@pytest.fixture
def make_job(tmp_path: Path, tools_root: Path) -> Callable[..., Job]:
    """Make a job with these inputs and empty folders, named after `name`; `log` gets its lines."""

    def make(
        inputs: Mapping[str, Path],
        name: str = "job",
        epoch: int = EPOCH,
        cpus: int = 2,
        log: Callable[[str], None] = print,
    ) -> Job:
        work, output, cache = (tmp_path / name / part for part in ("work", "output", "cache"))
        for folder in (work, output, cache):
            folder.mkdir(parents=True)
        sandbox = Sandbox(root=tools_root, inputs=inputs, work=work, output=output, epoch=epoch, log=log)
        return Job(
            inputs=inputs, work=work, output=output, sandbox=sandbox, log=log, epoch=epoch, cpus=cpus, cache=cache
        )

    return make


@pytest.fixture(scope="session")
def python() -> Path:
    """The environment with Portage and pkgcheck."""
    return mlos.build("python", target="flatcar")["python"].output
