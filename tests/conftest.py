"""Every test carries the marker of the tier its folder names; those that tell most in a second run first."""

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
    items.sort(key=lambda item: next((n for n, tier in enumerate(TIERS) if item.get_closest_marker(tier)), 0))
