"""`distrobuild why` on this project's own plan: each kind of change is named by the field that changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.cli.session import Session, project_name
from distrobuild.engine.entry import Meta
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.plan.key import keys
from tests import mlos

DISTROBUILD = Path(sys.executable).with_name("distrobuild")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project, with an overlay, as it was last built."""
    folder = mlos.copy_project(tmp_path / "project")
    (folder / "overlay/etc").mkdir(parents=True)
    (folder / "overlay/etc/motd").write_text("hello\n")
    session = Session((folder / "distro.yaml",), (OVERLAY,), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("ubuntu")
    store = Store(tmp_path / "store")
    for keyed in keys(session.plan(selection, Stream())).values():
        store.remember(project_name(selection), keyed, Meta(keyed.node.name, 0, 0.0, 0.0, ""))
    return folder


OVERLAY = "targets.ubuntu.overlay=overlay"


@pytest.fixture
def why(project: Path, tmp_path: Path) -> Callable[..., str]:
    def run(stage: str, *options: str) -> str:
        command = [str(DISTROBUILD), "why", stage, "--base", mlos.BASE, "--flavour", mlos.FLAVOUR, "--set", OVERLAY]
        environment = {**os.environ, "DISTROBUILD_STORE": str(tmp_path / "store"), "COLUMNS": "200"}
        ended = subprocess.run(
            [*command, *options], cwd=project, env=environment, check=True, capture_output=True, text=True
        )
        return ended.stdout

    return run


def test_an_unchanged_stage_is_called_unchanged(why: Callable[..., str]) -> None:
    assert "iso is unchanged" in why("iso")


def test_a_changed_patch(project: Path, why: Callable[..., str]) -> None:
    (patch, *_) = sorted((project / "patches/6.12").glob("*.patch"))
    patch.write_text(patch.read_text().replace("Subject:", "X-Note: changed\nSubject:", 1))
    assert f"inputs.patches.{patch.name}" in why("kernel")


def test_a_changed_option(why: Callable[..., str]) -> None:
    assert "options.hostname: mlos -> other" in why("customise", "--set", "targets.ubuntu.hostname=other")


def test_a_changed_package_source_is_found_from_the_far_end(project: Path, why: Callable[..., str]) -> None:
    (unit,) = (project / "packages/mlos-node/files").rglob("mlos-role.service")
    unit.write_text(unit.read_text() + "# changed\n")
    answer = why("iso")
    assert "deb/mlos-node runs again" in answer
    assert "inputs.package.files/usr/lib/systemd/system/mlos-role.service" in answer


def test_a_changed_overlay_file(project: Path, why: Callable[..., str]) -> None:
    (project / "overlay/etc/motd").write_text("goodbye\n")
    assert "inputs.overlay.etc/motd" in why("customise")


def test_a_changed_tool(project: Path, why: Callable[..., str]) -> None:
    lock = json.loads((project / "distro.lock").read_text())
    (make,) = [package for package in lock["sections"]["tools"]["packages"] if package["package"] == "make"]
    old = make["version"]
    make["version"], make["name"], make["sha256"] = "99", make["name"].replace(old, "99"), "f" * 64
    (project / "distro.lock").write_text(json.dumps(lock))
    answer = why("kernel")
    assert "tools runs again" in answer
    assert "options.files.make.name" in answer
    assert f"make_{old}" in answer
