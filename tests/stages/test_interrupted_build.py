"""Real builds of this project that are killed, doubled, or run out of disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import mlos

ROOT = Path(__file__).parents[2]
DISTROBUILD = Path(sys.executable).with_name("distrobuild")
BUILD = ("build", "ubuntu", "--base", mlos.BASE, "--flavour", mlos.FLAVOUR, "--no-boot")
SECONDS = 600.0


class Builds:
    """Builds of one copy of the project in the user's store; each build has its own file of events and output."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *overrides: str) -> subprocess.Popen[bytes]:
        """Start a build called `name`."""
        line = [str(DISTROBUILD), *BUILD, "--events", f"{name}.json", "--output", name]
        for override in overrides:
            line += ["--set", override]
        with (self.project / f"{name}.log").open("wb") as log:
            build = subprocess.Popen(line, cwd=self.project, stdout=log, stderr=subprocess.STDOUT)
        self.running.append(build)
        return build

    def events(self, name: str, kind: str) -> list[str]:
        """Names of the stages with an event of this kind, in order."""
        path = self.project / f"{name}.json"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        events = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # the last line of a killed build
                events.append(json.loads(line))
        return [event["stage"] for event in events if event["event"] == kind]

    def image(self, name: str) -> bytes:
        (image,) = (self.project / name / "ubuntu").glob("*.iso")
        return image.read_bytes()


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[Builds]:
    """A project whose image differs from every other one, so that its stages have to run."""
    project = mlos.copy_project(tmp_path / "project")
    (project / "overlay/etc").mkdir(parents=True)
    (project / "overlay/etc/unique").write_text(uuid.uuid4().hex)
    # All that those do not need is there before.
    mlos.build("iso", *(node.name for node in mlos.plan() if node.stage.kind == "lint"))
    found = Builds(project)
    yield found
    for build in found.running:
        build.kill()
        build.wait()


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


OVERLAY = "targets.ubuntu.overlay=overlay"


def test_a_build_killed_in_the_middle_goes_on_from_the_last_finished_stage(builds: Builds) -> None:
    killed = builds.start("killed", OVERLAY)
    wait_for(lambda: builds.events("killed", "StageStarted")[-1:] == ["squashfs/image"])
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert builds.start("resumed", OVERLAY).wait(SECONDS) == 0
    assert "customise" in builds.events("killed", "StageFinished")
    assert "customise" not in builds.events("resumed", "StageStarted")
    assert builds.events("resumed", "StageFinished")[-1] == "iso"
    assert builds.image("resumed")


def test_two_builds_at_once_run_every_stage_once_and_give_the_same_image(builds: Builds) -> None:
    both = [builds.start(name, OVERLAY) for name in ("one", "two")]
    assert [build.wait(SECONDS) for build in both] == [0, 0]
    finished = builds.events("one", "StageFinished") + builds.events("two", "StageFinished")
    assert sorted(finished) == ["customise", "iso", "squashfs/image"]
    assert builds.image("one") == builds.image("two")


FULL = """
import shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from tests.stages.test_programs import program
from tests.unit.engine.small_stages import plan, write

def build():
    big = program("dd", "if=/dev/zero", "of=/out/big", "bs=1M", "count=24")
    return Engine(Store(Path({store!r})), "project", Stream(), 1).build(plan(write("last", "x", one=big)))

mount = ["mount", "-t", "tmpfs", "tmpfs", {store!r}, "-o"]
subprocess.run([*mount, "size=16m"], check=True)
try:
    build()
except StageError as error:
    print(repr(f"{{error}} {{error.hint}}"))
print([path.name for path in Path({store!r}, "outputs").iterdir()])
print(shutil.disk_usage({store!r}).used < 1 << 20)
subprocess.run([*mount, "remount,size=64m"], check=True)
print(sorted(build()))
"""


def test_a_disk_that_is_full_in_the_middle_loses_nothing_and_with_room_the_build_goes_on(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    script = FULL.format(root=str(ROOT), store=str(tmp_path / "store"))
    own_mounts = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user", "--map-auto"])]
    ended = subprocess.run([*own_mounts, sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    failure, outputs, room_again, built = ended.stdout.splitlines()
    assert "no space left on the disk" in failure
    assert "cache gc" in failure
    assert (outputs, room_again) == ("[]", "True")
    assert built == "['last', 'program']"
