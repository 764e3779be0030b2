"""The pytest plugin for box tests: boots an image once, and gives every test the guest.

    pytest -p distrobuild.boot.plugin --image mlos.iso --tools-root ROOT tests/boot/ubuntu

Fixtures: `host` (testinfra), `guest` (`distrobuild.boot.guest.Guest`), `facts` (`distrobuild.boot.facts.Facts`),
`updates` (folders with further versions), `containers` (a folder with container images and their units).
Mark `media("disk", ...)`: the test is about an image that was booted as one of these, and left out otherwise. Mark
`main_image`: the test is about the system and not about its start, and left out with `--further-image`. Mark
`reboot`: the test looks at a further boot (`guest.reboot()`), so it runs after those of the first. Mark
`shutdown`: the test turns the guest off, so it runs after all others. The folder of `--results` gets
console.log, qemu.log, screenshot.png and result.json. A guest that does not boot ends the run with exit status 10.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.facts import Facts
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.guest import Guest
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.boot.qmp import MonitorFailed
from distrobuild.boot.result import FILE, BootFigures, Failure, Result
from distrobuild.boot.signs import Milestone
from distrobuild.errors import DistrobuildError

NEVER_BOOTED = 10
"""Exit status of pytest when there is no guest to test; pytest's own are 0 to 5."""


class BoxTests:
    """The one guest of a run, and what came of it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._passed: set[str] = set()
        self._skipped: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self._guest_in_use: Guest | None = None
        self._boot: BootFigures | None = None
        self._error: Failure | None = None

    def boot(self) -> Iterator[Guest]:
        """Boot, take a picture of the screen, whether it went well or not, and hand out the guest."""
        try:
            with self._new_guest() as guest:
                try:
                    guest.wait_until_running(self._config.getoption("boot_timeout"))
                finally:
                    with contextlib.suppress(MonitorFailed):
                        guest.screenshot()
                self._boot = BootFigures.of(guest)
                self._guest_in_use = guest
                yield guest
        except DistrobuildError as error:
            self._error = Failure(kind=type(error).__name__, message=error.message, hint=error.hint)
            pytest.exit(str(error), returncode=NEVER_BOOTED)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Fail the test in which the guest died, whatever the test made of it, and end the run: nobody is left."""
        if self._guest_in_use is not None:
            try:
                self._guest_in_use.require_health()
            except DistrobuildError as error:
                self._guest_in_use = None
                item.session.shouldfail = "the guest died"
                pytest.fail(str(error), pytrace=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test."""
        if report.failed:
            self._failures[report.nodeid] = report.longreprtext
        elif report.skipped:
            self._skipped[report.nodeid] = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        elif report.when == "call":
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write result.json."""
        result = Result(
            boot=self._boot,
            error=self._error,
            passed=len(self._passed - self._failures.keys()),
            skipped=self._skipped,
            failed=self._failures,
        )
        (self._results / FILE).write_text(result.model_dump_json(indent=2) + "\n", "utf-8")

    def pytest_unconfigure(self) -> None:
        """Remove results that nobody asked for."""
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def _results(self) -> Path:
        asked: Path | None = self._config.getoption("results")
        if asked is not None:
            asked.mkdir(parents=True, exist_ok=True)
            return asked.absolute()
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="distrobuild-box-tests-")
        return Path(self._temporary.name)

    def _new_guest(self) -> Guest:
        option = self._config.getoption
        for name in ("image", "tools_root"):
            if option(name) is None:
                raise pytest.UsageError(f"box tests need --{name.replace('_', '-')}")
        options = GuestOptions(
            image=option("image").absolute(),
            medium=option("medium"),
            firmware=option("firmware"),
            memory_mib=option("memory"),
            cpus=option("cpus"),
            ignition=option("ignition"),
            disks_mib=tuple(option("disk")),
        )
        tools_root = option("tools_root").absolute()
        accelerator = choose(option("accel"), tools_root, option("probe_cache"))
        self._say(f"booting {options.image.name} by {options.firmware} under {accelerator}")
        return Guest(options, tools_root, self._results, accelerator, self._reached)

    def _reached(self, milestone: Milestone, seconds: float) -> None:
        self._say(f"{milestone} after {seconds:.1f} s")

    def _say(self, line: str) -> None:
        """Tell whoever waits how far the boot is, past pytest's capture."""
        reporter: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)


TESTINFRA = "pytest11.testinfra"
"""Name under which testinfra's plugin registers itself, where plugins are loaded by themselves."""
BOX_TESTS = pytest.StashKey[BoxTests]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """The machine to boot, and where results go."""
    # testinfra's own plugin has a `host` too: this machine. No box test may ever run there. This hook is called
    # before installed plugins are loaded, so it can keep that one out.
    pluginmanager.set_blocked(TESTINFRA)
    add = parser.getgroup("distrobuild", "box tests").addoption
    add("--image", type=Path, help="image to boot")
    add("--tools-root", type=Path, help="tools root that supplies QEMU and the firmware")
    for name, kind, default in (
        ("medium", Medium, Medium.CDROM),
        ("firmware", Firmware, Firmware.SEABIOS),
        ("accel", AcceleratorChoice, AcceleratorChoice.AUTO),
    ):
        add(f"--{name}", type=kind, default=default, choices=[choice.value for choice in kind])
    add("--ignition", type=Path, help="Ignition config for the first boot")
    add("--update", type=Path, action="append", default=[], help="folder with a further version; can be repeated")
    add("--disk", type=int, action="append", default=[], metavar="MIB", help="an empty disk; can be repeated")
    add("--containers", type=Path, help="folder with container images and their units")
    add("--memory", type=int, default=2048, metavar="MIB", help="memory of the guest in MiB")
    add("--cpus", type=int, default=2, help="processors of the guest")
    add("--boot-timeout", type=float, default=600.0, metavar="SECONDS", help="how long the guest may take to boot")
    add("--facts", type=Path, help="JSON file with what should stand in the image")
    add("--further-image", action="store_true", help="the image is not its target's main one")
    add("--results", type=Path, help="folder for console log, screenshot and result.json")
    add("--probe-cache", type=Path, help="folder that remembers whether KVM works")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks, and keep the results."""
    config.addinivalue_line("markers", "media(*names): is left out where the image was booted from another medium")
    config.addinivalue_line("markers", "main_image: is left out where a further image of the same system was booted")
    config.addinivalue_line("markers", "reboot: restarts the guest; runs after the tests of the first boot")
    config.addinivalue_line("markers", "shutdown: turns the guest off; runs after all other tests")
    config.stash[BOX_TESTS] = BoxTests(config)
    config.pluginmanager.register(config.stash[BOX_TESTS], "distrobuild-box-tests")


@pytest.fixture(scope="session")
def guest(pytestconfig: pytest.Config) -> Iterator[Guest]:
    """The guest, booted once for all tests."""
    box_tests: BoxTests = pytestconfig.stash[BOX_TESTS]
    yield from box_tests.boot()


@pytest.fixture(scope="session")
def host(guest: Guest) -> Host:
    """The guest as testinfra sees it, logged in as root."""
    return guest.host


@pytest.fixture(scope="session")
def facts(pytestconfig: pytest.Config) -> Facts:
    """What the build says should stand in the image."""
    path = pytestconfig.getoption("facts")
    return Facts.model_validate_json(path.read_bytes()) if path else Facts()


@pytest.fixture(scope="session")
def updates(pytestconfig: pytest.Config) -> list[Path]:
    """Folders with further versions of the image, as systemd-sysupdate reads them; the next first."""
    found: list[Path] = pytestconfig.getoption("update")
    return found


@pytest.fixture(scope="session")
def containers(pytestconfig: pytest.Config) -> Path:
    """The folder with container images, their archives and units; a test that needs it is skipped without it."""
    found: Path | None = pytestconfig.getoption("containers")
    if found is None:
        pytest.skip("no --containers")
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests about other images; put those of a second boot behind those of the first, and the end last."""
    others = [item for item in items if _is_about_another_image(config, item)]
    if others:
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("shutdown", "reboot")])


def _is_about_another_image(config: pytest.Config, item: pytest.Item) -> bool:
    media = item.get_closest_marker("media")
    if media is not None and config.getoption("medium") not in media.args:
        return True
    return item.get_closest_marker("main_image") is not None and config.getoption("further_image")
