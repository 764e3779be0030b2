"""Which boot `distrobuild test` proves an image by."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.cli.test import chosen
from distrobuild.errors import DistrobuildError
from distrobuild.plan.graph import Plan
from tests.unit.plan.test_sources import plan, root

__all__ = ["root"]
SOURCE = {"debian": "trixie"}


@pytest.fixture
def booted(root: Path) -> Plan:
    (root / "checks").mkdir()
    return plan(root, SOURCE, kernel="k", tests={"path": "checks"})


def test_the_first_boot_is_chosen_with_all_that_its_tests_are_handed(booted: Plan) -> None:
    boot = chosen(booted, None)
    assert boot.name == "boot/ovmf"
    assert {"tools", "disk", "ignition", "update/1.0.1", "update/1.0.2"} <= {node.name for node in boot.needs}


def test_a_firmware_that_the_target_is_not_booted_by_is_told_with_those_there_are(booted: Plan) -> None:
    with pytest.raises(DistrobuildError, match="`box` is not booted by seabios") as caught:
        chosen(booted, "seabios")
    assert caught.value.hint == "it is booted by: ovmf"


def test_a_target_without_box_tests_has_nothing_to_choose(root: Path) -> None:
    with pytest.raises(DistrobuildError, match="`box` has no box tests"):
        chosen(plan(root, SOURCE, kernel="k"), None)
