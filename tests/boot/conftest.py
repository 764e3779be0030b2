"""Box tests need a guest: without the plugin that boots one, a plain run of pytest leaves them out.

`distrobuild test TARGET`, or the boot stage of a build, runs them.

What boots here does so one after the other, however many workers (pytest-xdist) there are: a guest uses every core.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import mlos

BOX_TESTS = [mlos.ROOT / folder for folder in mlos.BOX_TESTS]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    with_guest = config.pluginmanager.has_plugin("distrobuild-box-tests")
    return True if collection_path in BOX_TESTS and not with_guest else None


@pytest.fixture(scope="module", autouse=True)
def _one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with (tmp_path_factory.getbasetemp().parent / "boots.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
