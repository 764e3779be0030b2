"""The target `flatcar` boots as a disk in both layouts and without one, is updated, and leaves what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.boot.result import Result
from distrobuild.cli.session import Session
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from tests import mlos

SYSTEMD = (
    "targets.flatcar.layout=systemd",
    "targets.flatcar.outputs=[raw]",
    "targets.flatcar.tests.path=[tests/boot/systemd, tests/boot/common]",
)
OVERRIDES = {"flatcar": (), "systemd": SYSTEMD}
MEDIA = {"ovmf": "disk", "pxe-seabios": "network", "iso-seabios": "cdrom", "iso-ovmf": "usb"}
STEM = "mlos-1.0.0-vm-amd64"


def build(layout: str, *names: str) -> dict[str, Entry]:
    """Build stages of the target in a layout."""
    session = Session((mlos.ROOT / "distro.yaml",), OVERRIDES[layout], mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    emit = Stream(mlos.say)
    plan = session.plan(selection, emit)
    return session.engine(selection, emit).build(replace(plan, goals=tuple(map(plan.find, names))))


def run(*arguments: str) -> None:
    """Run `distrobuild` on the target."""
    command = [str(Path(sys.executable).with_name("distrobuild")), *arguments]
    subprocess.run([*command, "--base", mlos.BASE, "--flavour", mlos.FLAVOUR], cwd=mlos.ROOT, check=True)


def require_proven(layout: str, boot: str, medium: str) -> None:
    entry = build(layout, boot)[boot]
    result = Result.model_validate_json((entry.output / "result.json").read_text())
    assert result.boot is not None
    assert (result.boot.medium, result.boot.state) == (medium, "running")
    assert result.passed > len(result.skipped)
    assert not result.failed


@pytest.mark.parametrize("boot", MEDIA)
def test_the_image_boots_and_passes_its_box_tests(boot: str) -> None:
    require_proven("flatcar", f"boot/{boot}", MEDIA[boot])


def test_the_layout_systemd_boots_and_passes_its_box_tests() -> None:
    require_proven("systemd", "boot/ovmf", "disk")


@pytest.fixture(scope="module")
def left(large_folder: Callable[[str], Path]) -> Path:
    """What a build leaves."""
    folder = large_folder("out")
    run("build", "flatcar", "-o", str(folder), "--no-boot")
    return folder / "flatcar"


def test_every_format_stands_beside_the_disk_with_its_sum(left: Path) -> None:
    made = {f"{STEM}{suffix}" for suffix in (".raw", ".qcow2", ".iso", "-pxe.vmlinuz", "-pxe.initrd", "-pxe.ipxe")}
    assert {path.name for path in left.glob(f"{STEM}*")} == made
    assert made <= {line.split()[1] for line in (left / "SHA256SUMS").read_text().splitlines()}
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=left, check=True)


def test_the_report_has_a_digest_for_every_format(left: Path) -> None:
    stages: Mapping[str, Mapping[str, str]] = json.loads((left / "build.json").read_text())["stages"]
    for stage in ("disk", "convert/qcow2", "pxe", "iso"):
        assert stages[stage]["digest"].startswith("sha256:")


def test_what_ignition_was_given_is_what_butane_makes(left: Path) -> None:
    config = json.loads((left / "ignition/config.ign").read_text())
    assert config["ignition"]["version"] == "3.3.0"
    assert [user["name"] for user in config["passwd"]["users"]] == ["core"]


def test_an_update_is_a_folder_for_a_web_server(tmp_path: Path) -> None:
    run("update", "flatcar", "-o", str(tmp_path / "update"))
    assert (tmp_path / "update/latest").read_text() == "1.0.0\n"
    assert (tmp_path / "update/mlos_1.0.0.update").read_bytes().startswith(b"CrAU")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "update", check=True)
