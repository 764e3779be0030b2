"""What the package mlos-node promises, on whatever image has it."""

from __future__ import annotations

import pytest

from distrobuild.boot.facts import Facts


@pytest.fixture(autouse=True)
def _the_image_has_it(facts: Facts) -> None:
    if "mlos-node" not in facts.installed:
        pytest.skip("the image has no mlos-node")
