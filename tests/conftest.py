"""Every test carries the marker of the tier its folder names; those that tell most in a second run first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distrobuild.engine.store import remove_tree

TIERS = ("unit", "stages", "boot")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(here).parts[0]
        if tier in TIERS:
            item.add_marker(tier)
    items.sort(key=lambda item: next((n for n, tier in enumerate(TIERS) if item.get_closest_marker(tier)), 0))


@pytest.fixture(scope="module")
def large_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Path]]:
    """Make folders for gigabytes that the tests of a module share: `large_folder("store")`.

    They go with the module's last test, and not only with the run, unless one of its tests failed.
    """
    failed_before = request.session.testsfailed
    folders: list[Path] = []

    def make(name: str) -> Path:
        folders.append(tmp_path_factory.mktemp(name))
        return folders[-1]

    yield make
    if request.session.testsfailed == failed_before:
        for folder in folders:
            remove_tree(folder)
