"""The disk image boots in both layouts and passes its box tests; the layout `systemd` is updated and rolled back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from distrobuild.boot.result import Result
from distrobuild.cli.session import Session
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from tests import mlos

SYSTEMD = (
    "targets.flatcar.layout=systemd",
    "targets.flatcar.outputs=[raw]",
    "targets.flatcar.tests.path=tests/boot/systemd",
)
OVERRIDES = {"flatcar": (), "systemd": SYSTEMD}


def build(layout: str, *names: str) -> dict[str, Entry]:
    """Build the target in a layout: these stages, or all."""
    session = Session((mlos.ROOT / "distro.yaml",), OVERRIDES[layout], mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    emit = Stream(mlos.say)
    plan = session.plan(selection, emit)
    goals = tuple(plan.find(name) for name in names) or plan.goals
    return session.engine(selection, emit).build(replace(plan, goals=goals))


@pytest.mark.parametrize("layout", OVERRIDES)
def test_the_image_boots_and_passes_its_box_tests(layout: str) -> None:
    entry = build(layout)["boot/ovmf"]
    result = Result.model_validate_json((entry.output / "result.json").read_text())
    assert result.boot is not None
    assert result.boot.state == "running"
    assert result.passed >= len(list((mlos.ROOT / f"tests/boot/{layout}").glob("test_*.py")))
    assert not result.failed


def test_what_ignition_was_given_is_what_butane_makes() -> None:
    config = json.loads((build("flatcar", "ignition")["ignition"].output / "config.ign").read_text())
    assert config["ignition"]["version"] == "3.3.0"
    assert [user["name"] for user in config["passwd"]["users"]] == ["core"]
