"""Every test carries the marker of the tier its folder names."""

from __future__ import annotations

from pathlib import Path

import pytest

TIERS = ("unit", "stages", "boot")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(here).parts[0]
        if tier in TIERS:
            item.add_marker(tier)
