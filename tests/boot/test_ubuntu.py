"""The image of this project boots under both firmwares, its box tests pass, and a build leaves what it promises.

The boots are stages: they run when the image or the tests changed, and come from the store otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.boot.result import Result
from tests import mlos

FIRMWARES = ("seabios", "ovmf")


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_the_image_boots_and_passes_its_box_tests(firmware: str) -> None:
    entry = mlos.build(f"boot/{firmware}")[f"boot/{firmware}"]
    result = Result.model_validate_json((entry.output / "result.json").read_text())
    assert result.boot is not None
    assert result.boot.state == "running"
    assert result.boot.firmware == firmware
    folders = [mlos.ROOT / "tests/boot" / name for name in ("node", "ubuntu", "common")]
    assert result.passed >= sum(len(list(folder.glob("test_*.py"))) for folder in folders)
    assert not result.failed
    assert (entry.output / "screenshot.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def build(large_folder: Callable[[str], Path]) -> tuple[Path, Callable[..., subprocess.CompletedProcess[str]]]:
    """The output folder of `distrobuild build ubuntu`, and the command to build again."""
    output = large_folder("out")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("distrobuild")), "build", "ubuntu", "-o", str(output)]
        command += ["--base", mlos.BASE, "--flavour", mlos.FLAVOUR, *options]
        return subprocess.run(command, cwd=mlos.ROOT, check=True, capture_output=True, text=True)

    run()
    return output / "ubuntu", run


def test_a_build_leaves_image_packages_repository_report_and_sums(build: tuple[Path, object]) -> None:
    folder, _ = build
    (iso,) = folder.glob("*.iso")
    assert iso.name == "mlos-1.0.0-vm-amd64.iso"
    assert {deb.name.split("-")[1] for deb in (folder / "kernel").glob("*.deb")} == {"image", "headers"}
    assert (folder / "repository/dists").is_dir()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    installed = {package["name"] for package in json.loads((folder / "packages.json").read_text())}
    assert {"mlos-release", "mlos-node", "systemd"} <= installed


def test_the_report_tells_keys_times_sizes_and_tests(build: tuple[Path, object]) -> None:
    report = json.loads((build[0] / "build.json").read_text())
    assert set(report["boots"]) == {f"boot/{firmware}" for firmware in FIRMWARES}
    for stage in ("tools", "kernel", "rootfs", "iso"):
        assert report["stages"][stage]["key"].startswith("sha256:")
        assert report["stages"][stage]["bytes"] > 0
    assert all(boot["passed"] > 0 for boot in report["boots"].values())


def test_building_again_runs_no_stage(
    build: tuple[Path, Callable[..., subprocess.CompletedProcess[str]]], tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    ended = build[1]("--events", str(events))
    kinds = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert "StageStarted" not in kinds
    assert kinds[-1] == "BuildFinished"
    assert "built" in ended.stdout
