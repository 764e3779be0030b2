"""What every test with real tools needs: the tools root, and a job to run a stage with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from distrobuild.stages.stage import Job
from tests import mlos
from tests.jobs import job_in


@pytest.fixture(scope="session")
def tools_root() -> Path:
    """The root file system that supplies every program: this project's own, built where the store lacks it.

    DISTROBUILD_TOOLS_ROOT names another one, to work on a stage without a lock.
    """
    place = os.environ.get("DISTROBUILD_TOOLS_ROOT")
    return Path(place) if place else mlos.build("tools")["tools"].output


@pytest.fixture
def make_job(tmp_path: Path, tools_root: Path) -> Callable[..., Job]:
    """Make a job with these inputs and empty folders, named after `name`; the rest as `job_in` has it."""

    def make(inputs: Mapping[str, Path], name: str = "job", **more: Any) -> Job:
        return job_in(tmp_path / name, tools_root, inputs, **more)

    return make


@pytest.fixture(scope="session")
def python() -> Path:
    """The environment with Portage and pkgcheck."""
    return mlos.build("python", target="flatcar")["python"].output
