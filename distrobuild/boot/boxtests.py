"""Runs box tests: pytest in a process of its own, on one image, with the plugin and nothing else of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from distrobuild.boot import result
from distrobuild.boot.accelerator import AcceleratorChoice
from distrobuild.boot.facts import Facts
from distrobuild.boot.qemu import GuestOptions
from distrobuild.boot.result import Result
from distrobuild.errors import DistrobuildError

JUNIT = "junit.xml"
TESTS_SECONDS = 3600.0
"""How long all tests together may take once the guest runs; a hung one must not hold a build for ever."""
TAIL_LINES = 30
NO_TESTS = 5
"""pytest's exit status when it has found no test."""


class BootFailed(DistrobuildError):
    """The image did not boot, or could not be tried; the message says how far it came."""


class BoxTestsFailed(DistrobuildError):
    """The image booted, and box tests failed on it: `failed` maps their names to what they said."""

    def __init__(self, result: Result) -> None:
        names = "\n".join(f"  {name}" for name in result.failed)
        reports = "\n\n".join(f"{name}\n{text}" for name, text in result.failed.items())
        count = len(result.failed)
        super().__init__(f"{count} of {count + result.passed} box tests failed:\n{names}\n\n{reports}")
        self.failed = result.failed


class BoxTestsBroken(DistrobuildError):
    """The tests could not be read, or did not come to their end."""


class NoBoxTests(DistrobuildError):
    """Nothing was proven: there is no test, or none that looks at the guest."""


@dataclass(frozen=True)
class BoxTestRun:
    """One run: which guest, which tests, what to compare with, where results go.

    `tests` are folders, run in this order: each has a conftest.py of its own, and all find each other's modules.
    `further` says that the image is a further one of its target.
    `timeout_seconds` limits the boot; `select` is pytest's `-k`; `probe_cache` remembers whether KVM works.
    `updates` are folders with further versions of the image, the next first; `containers` is a folder with container
    images and their units.
    """

    guest: GuestOptions
    tools_root: Path
    tests: tuple[Path, ...]
    facts: Facts
    results: Path
    accel: AcceleratorChoice = AcceleratorChoice.AUTO
    timeout_seconds: float = 600.0
    select: str | None = None
    probe_cache: Path | None = None
    updates: tuple[Path, ...] = ()
    containers: Path | None = None
    further: bool = False

    @property
    def root(self) -> Path:
        """The folder that all folders of tests lie in, or the only one: names of tests begin below it."""
        return Path(os.path.commonpath([folder.absolute() for folder in self.tests]))

    def command(self) -> list[str]:
        """The command line that runs the tests; it can be pasted into a shell."""
        # pytest and ssh take a quarter of a second to import, and most builds boot nothing.
        from distrobuild.boot import plugin

        folders = [str(folder.absolute()) for folder in self.tests]
        command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(self.root)]
        command += ["--confcutdir", str(self.root), "--import-mode", "importlib"]
        command += ["-o", f"pythonpath={shlex.join(folders)}"]
        command += ["-p", "no:cacheprovider", "-p", plugin.__name__, "-ra", "--tb=short", "-v"]
        # A copy of a system that a test made is looked at only if the test failed.
        command += ["-o", "tmp_path_retention_policy=failed", "-o", "tmp_path_retention_count=1"]
        command += ["--image", str(self.guest.image.absolute()), "--tools-root", str(self.tools_root.absolute())]
        command += ["--medium", self.guest.medium, "--firmware", self.guest.firmware, "--accel", self.accel]
        command += ["--memory", str(self.guest.memory_mib), "--cpus", str(self.guest.cpus)]
        command += ["--ignition", str(self.guest.ignition.absolute())] if self.guest.ignition else []
        command += [word for size in self.guest.disks_mib for word in ("--disk", str(size))]
        command += [word for update in self.updates for word in ("--update", str(update.absolute()))]
        command += ["--containers", str(self.containers.absolute())] if self.containers else []
        command += ["--boot-timeout", str(self.timeout_seconds), "--facts", str(self.facts_file)]
        command += ["--results", str(self.results.absolute()), "--junitxml", str(self.results.absolute() / JUNIT)]
        command += ["--probe-cache", str(self.probe_cache.absolute())] if self.probe_cache else []
        command += ["--further-image"] if self.further else []
        command += ["-k", self.select] if self.select else []
        return [*command, *folders]

    @property
    def facts_file(self) -> Path:
        """Where the facts are handed over."""
        return self.results.absolute() / "facts.json"


def run_box_tests(run: BoxTestRun, log: Callable[[str], None]) -> Result:
    """Boot and test; every line of pytest goes to `log`.

    Raises `BootFailed` if there was no guest, `BoxTestsFailed` if a test failed, `NoBoxTests` if nothing was tested,
    `BoxTestsBroken` if pytest did not come to its end.
    """
    run.results.mkdir(parents=True, exist_ok=True)
    run.facts_file.write_text(run.facts.model_dump_json(indent=2) + "\n", "utf-8")
    outcome = run.results / result.FILE
    outcome.unlink(missing_ok=True)
    status, tail = _pytest(run, log)
    said = "\n".join(tail)
    if not outcome.exists():
        raise BoxTestsBroken(f"pytest ended with {status}:\n{said}")
    found = Result.model_validate_json(outcome.read_bytes())
    if found.error is not None:
        raise BootFailed(found.error.message, hint=found.error.hint)
    if found.failed:
        raise BoxTestsFailed(found)
    folders = ", ".join(map(str, run.tests))
    if status == NO_TESTS:
        raise NoBoxTests(f"there is no box test in {folders}" + (f" for `{run.select}`" if run.select else ""))
    if status != 0:
        raise BoxTestsBroken(f"pytest ended with {status}:\n{said}")
    if found.boot is None:
        raise NoBoxTests(f"no test in {folders} looked at the guest", hint="a box test takes the fixture `host`")
    return found


def _pytest(run: BoxTestRun, log: Callable[[str], None]) -> tuple[int, Sequence[str]]:
    """Run pytest; its exit status and last lines."""
    # Nothing of the caller's: no plugins that happen to be installed, no options from the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with subprocess.Popen(
        run.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
        cwd=run.root, text=True, errors="replace",
    ) as process:  # fmt: skip
        # QEMU ends with its parent, which is pytest.
        limit = threading.Timer(run.timeout_seconds + TESTS_SECONDS, process.kill)
        limit.start()
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip("\n"))
            log(tail[-1])
        limit.cancel()
    return process.returncode, tail
