"""A config that cannot be applied stops the machine before anybody can use half of it, and the console says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.guest import Guest, GuestNeverBooted
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.cli.session import Session
from distrobuild.engine.events import Stream
from distrobuild.plan.graph import Plan
from tests import mlos

DIGEST = "sha256-" + 64 * "0"
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a digest that does not fit": (
        {
            "ignition": {"version": "3.3.0"},
            "storage": {
                "files": [
                    {"path": "/etc/first", "contents": {"source": "data:,good"}},
                    {"path": "/etc/second", "contents": {"source": "data:,bad", "verification": {"hash": DIGEST}}},
                ]
            },
        },
        "hash verification failed",
    ),
    "a version that nobody knows": ({"ignition": {"version": "9.9.0"}}, "unsupported config version"),
}


@pytest.fixture(scope="module")
def disk() -> tuple[Path, Path]:
    """The image and the tools root."""
    session = Session((mlos.ROOT / "distro.yaml",), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    emit = Stream(mlos.say)
    plan = session.plan(selection, emit)
    goals = (plan.find("disk"), plan.find("tools"))
    entries = session.engine(selection, emit).build(Plan(plan.target, goals, plan.epoch, plan.architecture))
    (image,) = entries["disk"].output.glob("*.raw")
    return image, entries["tools"].output


@pytest.mark.parametrize("name", BROKEN)
def test_the_machine_stops_and_says_why(disk: tuple[Path, Path], name: str, tmp_path: Path) -> None:
    config, reason = BROKEN[name]
    (tmp_path / "config.ign").write_text(json.dumps(config))
    image, tools_root = disk
    options = GuestOptions(image, Medium.DISK, Firmware.OVMF, ignition=tmp_path / "config.ign")
    with (
        Guest(options, tools_root, tmp_path, choose(AcceleratorChoice.AUTO, tools_root)) as guest,
        pytest.raises(GuestNeverBooted) as caught,
    ):
        guest.wait_until_running(600)
    console = (tmp_path / "console.log").read_text("utf-8", "replace")
    assert "This machine could not be started" in console
    assert reason in console
    assert "emergency" in str(caught.value)
