"""Box tests need a guest: without the plugin that boots one, a plain run of pytest leaves them out.

`distrobuild test TARGET`, or the boot stage of a build, runs them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import mlos

BOX_TESTS = [mlos.ROOT / folder for folder in mlos.BOX_TESTS]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    with_guest = config.pluginmanager.has_plugin("distrobuild-box-tests")
    return True if collection_path in BOX_TESTS and not with_guest else None
