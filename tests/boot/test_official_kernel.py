"""A release of Flatcar with this project's kernel, started: GRUB, Flatcar's two steps, a verified /usr in slot B."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.guest import Guest
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.cli.session import Session
from distrobuild.engine.events import Stream
from distrobuild.engine.outputs import publish
from tests import mlos
from tests.jobs import job_in
from tests.stages.flatcar_release import build_kernel, write_release

TIMEOUT_SECONDS = 300


@pytest.fixture
def tools_root() -> Path:
    return mlos.build("tools")["tools"].output


@pytest.fixture
def image(tools_root: Path, tmp_path: Path) -> Path:
    """What the target makes of the release."""
    job = job_in(tmp_path / "release", tools_root, {"source": mlos.build("fetch/kernel")["fetch/kernel"].output})
    release = write_release(job, build_kernel(job))
    project = mlos.copy_project(tmp_path / "project")
    source = {
        "debian": None,
        "official": str(release),
        "sha256": hashlib.sha256(release.read_bytes()).hexdigest(),
        "level": "kernel",
    }
    changed = {"source": source, "kernel_arguments": ["mlos.test=1"], "ebuilds": False}
    (project / "source.yaml").write_text(json.dumps({"targets": {"flatcar": changed}}))
    session = Session((project / "distro.yaml", project / "source.yaml"), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    plan = session.plan(selection, Stream(mlos.say))
    entries = session.engine(selection, Stream(mlos.say)).build(plan)
    made = publish(selection, plan, entries, tmp_path / "out").image
    assert made is not None
    return made


def test_the_machine_starts_our_kernel_with_flatcars_system(image: Path, tools_root: Path, tmp_path: Path) -> None:
    options = GuestOptions(image, Medium.DISK, Firmware.OVMF)
    with Guest(options, tools_root, tmp_path, choose(AcceleratorChoice.AUTO, tools_root)) as guest:
        end = time.monotonic() + TIMEOUT_SECONDS
        while "second: done" not in guest.console.text and time.monotonic() < end and guest.is_on:
            time.sleep(1)
        lines = [line.strip() for line in guest.console.text.splitlines()]
    (kernel,) = [line.split()[-1] for line in lines if line.startswith("second: kernel")]
    assert kernel.endswith("-mlos-vm")
    # That of Flatcar's kernel must be gone.
    assert f"second: modules {kernel}, of usr {kernel}" in lines
    assert "first: loop is there" in lines
    assert "second: loop is there" in lines
    assert "second: updates /dev/null" in lines
    assert "second: system FLATCAR_RELEASE_VERSION=4593.2.5" in lines
    (told,) = [line for line in lines if line.startswith("second: ") and "verity.usrhash=" in line]
    for word in ("verity.usr=PARTUUID=e03dd35c", "mlos.test=1", "flatcar.first_boot=detected", "root=LABEL=ROOT"):
        assert word in told
    assert any(line.startswith("status:") and line.endswith("verified") for line in lines)
