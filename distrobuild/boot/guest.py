"""A booted guest: started, waited for until systemd says that the system runs, used, and shut down.

    with Guest(GuestOptions(image=Path("mlos.iso")), tools_root, folder, accelerator) as guest:
        guest.wait_until_running(600)
        guest.host.run("uname -r")
        guest.power_off()

`folder` gets console.log, qemu.log and screenshot.png.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko
from testinfra.host import Host

from distrobuild.boot import login
from distrobuild.boot.accelerator import Accelerator, AcceleratorKind
from distrobuild.boot.console import Console
from distrobuild.boot.machine import Machine
from distrobuild.boot.process import QemuProcess
from distrobuild.boot.qemu import GuestOptions, credential
from distrobuild.boot.requirements import require_qemu
from distrobuild.boot.signs import FATAL, Finding, Milestone, Trouble
from distrobuild.errors import DistrobuildError

POLL_SECONDS = 0.5
LAST_WORDS_SECONDS = 2.0
"""How long a guest may go on printing after a panic before it is ended."""
MENU_SECONDS = 2.0
"""How long Enter is pressed after the boot menu's first line."""
POWER_OFF_SECONDS = 120.0
REBOOT_SECONDS = 600.0
RETRIES = 2
"""How often a start is made again in which the emulator lost a processor's timer."""
RESETS = 10
"""How often a machine that may fail may start again before it is given up."""


class GuestFailed(DistrobuildError):
    """A guest did not do what it should; the message carries how far it came, `log` is the whole console."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


class GuestNeverBooted(GuestFailed):
    """A guest did not reach `running` within its time, or can no longer reach it."""


class GuestDied(GuestFailed):
    """A guest that had booted crashed, or ended without being told to."""


class GuestNotShutDown(GuestFailed):
    """A guest that was told to power off did not end cleanly."""


class Guest:
    """A machine that is on and the way into it. A context manager: leaving it switches the machine off."""

    machine: Machine

    def __init__(
        self,
        options: GuestOptions,
        tools_root: Path,
        folder: Path,
        accelerator: Accelerator,
        on_milestone: Callable[[Milestone, float], None] = lambda _milestone, _seconds: None,
    ) -> None:
        """`on_milestone` is called from another thread, with the seconds since the machine's start."""
        self.options = options
        self.accelerator = accelerator
        self.folder = folder
        self.seconds_to_running: float | None = None
        self.retries = 0
        """How often a start was made again because the emulator had lost a processor's timer."""
        self.state: str | None = None
        """What `systemctl is-system-running` said when the boot was over: `running`, `degraded`."""
        self._tools_root = tools_root
        self._on_milestone = on_milestone
        self._powered_off = False
        self._may_fail = False
        self._resets_left = 0
        self._in_use: QemuProcess | None = None
        """The start that somebody has logged in to: what was written since is not taken back."""
        self._host: Host | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        require_qemu(self._tools_root)
        with contextlib.ExitStack() as stack:
            self._private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="distrobuild-guest-")))
            self._key = login.make_key(self._private)
            self.machine = Machine(
                self.options,
                self._tools_root,
                self.folder,
                self.accelerator,
                credential(login.CREDENTIAL, self._key.public),
                self._on_milestone,
                self._found,
            )
            stack.enter_context(self.machine)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def host(self) -> Host:
        """The testinfra host, once the guest runs."""
        assert self._host is not None, "wait_until_running comes first"
        return self._host

    @property
    def console(self) -> Console:
        """The serial console."""
        return self.machine.console

    @property
    def milestones(self) -> dict[Milestone, float]:
        """Seconds from the machine's start to each milestone that the console showed."""
        return self.machine.milestones

    @property
    def findings(self) -> list[Finding]:
        """Signs of trouble on the console so far."""
        return self.machine.findings

    @property
    def is_on(self) -> bool:
        """Whether QEMU still runs."""
        return self.machine.process.is_on

    def wait_until_running(self, timeout_seconds: float) -> None:
        """Wait until systemd has finished the boot; raise `GuestNeverBooted` after `timeout_seconds` or a dead end."""
        client = self._wait_for_login(timeout_seconds, None)
        self._host = login.testinfra_host(self.machine.ssh_port, self._key, client, self._private)
        self.state = self._system_state(client, timeout_seconds)
        self.seconds_to_running = self._seconds

    def reboot(self, timeout_seconds: float = REBOOT_SECONDS, *, may_fail: bool = False) -> None:
        """Restart the machine by `systemctl reboot`, and wait as for the first boot; `host` is then the new system.

        With `may_fail` the machine may crash or start again on the way, if in the end it runs.
        """
        before = login.boot_id(self.host.backend.client)
        with self._starting_again(RESETS if may_fail else 1, may_fail=may_fail):
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self.host.run("systemctl reboot --no-block")
            self._wait_for_next_boot(before, timeout_seconds)

    def cut_power(self, timeout_seconds: float = REBOOT_SECONDS) -> None:
        """Switch the machine off without a word to the guest and on again, and wait as after `reboot`.

        What it had written and not flushed may be lost, as with a real disk.
        """
        with self._starting_again(RESETS, may_fail=True):
            self.machine.cut_power()
            self._wait_for_next_boot(None, timeout_seconds)

    def require_health(self) -> None:
        """Raise `GuestDied` if the guest crashed or ended by itself; one that was powered off is fine."""
        if (finding := self.console.fatal) is not None:
            raise self._failed(GuestDied, str(finding))
        if not self.is_on and not self._powered_off:
            raise self._failed(GuestDied, self.machine.how_it_ended)

    def send(self, source: Path, place: str) -> None:
        """Copy a file to `place` on the machine (SFTP)."""
        with self.host.backend.client.open_sftp() as channel:
            channel.put(str(source), place)

    def screenshot(self) -> Path:
        """Take a picture of the screen; return the PNG's path."""
        name = "screenshot.png"
        self.machine.monitor.screenshot(f"/out/{name}")
        return self.folder / name

    def power_off(self) -> None:
        """Power the guest off by `systemctl poweroff`; raise `GuestNotShutDown` unless all of it ends well."""
        self._powered_off = True
        # The connection may break before the answer: that is no failure.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.host.run("systemctl poweroff --no-block")
        process = self.machine.process
        try:
            process.wait(POWER_OFF_SECONDS)
        except subprocess.TimeoutExpired:
            reason = f"it was still on {POWER_OFF_SECONDS:g} s after `poweroff`"
            raise self._failed(GuestNotShutDown, reason) from None
        if process.status != 0:
            raise self._failed(GuestNotShutDown, self.machine.how_it_ended)
        if process.ending != "guest-shutdown":
            reason = f"the machine ended by `{process.ending}`, not by the guest's power down"
            raise self._failed(GuestNotShutDown, reason)
        if "reboot: Power down" not in self.console.text:
            raise self._failed(GuestNotShutDown, "the kernel did not say `Power down`")

    @property
    def _seconds(self) -> float:
        """Since the machine's start."""
        return time.monotonic() - self.machine.started

    @contextlib.contextmanager
    def _starting_again(self, resets: int, *, may_fail: bool) -> Iterator[None]:
        """Let the machine start itself again, so often; where it may fail, trouble on the console is then forgotten."""
        findings = self.findings
        self._resets_left, self._may_fail = resets, may_fail
        self.machine.started = time.monotonic()
        yield
        self._resets_left, self._may_fail = 0, False
        if may_fail:
            self.machine.forget_findings_after(findings)

    def _wait_for_next_boot(self, before: str | None, timeout_seconds: float) -> None:
        """Wait until a system of another boot than `before` runs; where the machine may fail, until one is sound."""
        self.state = None
        while self.state is None or (self._may_fail and self.state != "running"):
            client = self._wait_for_login(timeout_seconds, before)
            self.host.backend.client = client
            before = login.boot_id(client)
            try:
                self.state = self._system_state(client, timeout_seconds)
            except GuestNeverBooted:
                if not self._may_fail:
                    raise

    def _wait_for_login(self, timeout_seconds: float, before: str | None) -> paramiko.SSHClient:
        """Wait for an ssh login to a system of another boot than `before`."""
        while True:
            client = login.log_in(self.machine.ssh_port, self._key)
            if client is not None and login.boot_id(client) not in {before, None}:
                self._in_use = self.machine.process
                return client
            self._check_alive()
            self._choose_first_entry()
            if self._seconds > timeout_seconds:
                raise self._failed(GuestNeverBooted, f"it did not answer by ssh within {timeout_seconds:g} s")
            time.sleep(POLL_SECONDS)

    def _system_state(self, client: paramiko.SSHClient, timeout_seconds: float) -> str:
        """Ask systemd until it has finished the boot; it answers at the latest `timeout_seconds` after the start."""
        try:
            left = max(timeout_seconds - self._seconds, 1.0)
            _, stdout, _ = client.exec_command("systemctl is-system-running --wait", timeout=left)
            return stdout.read().decode().strip()
        except TimeoutError:
            jobs = self.host.run("systemctl list-jobs --no-pager --no-legend").stdout
            reason = f"systemd had not finished after {timeout_seconds:g} s; still at work:\n{jobs}"
            raise self._failed(GuestNeverBooted, reason) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._check_alive()
            raise self._failed(GuestNeverBooted, f"the connection broke: {error}") from error

    def _check_alive(self) -> None:
        """Raise `GuestNeverBooted` if the boot has come to a dead end; switch on again what may start again."""
        if self._lost_its_timer and self.retries < RETRIES:
            self.retries += 1
            self.machine.try_again()
            return
        if (finding := self.console.fatal) is not None and not self._may_fail:
            time.sleep(LAST_WORDS_SECONDS)
            raise self._failed(GuestNeverBooted, str(finding))
        if (trouble := self.machine.trouble) is None:
            return
        if self._resets_left == 0 or not self.machine.wants_to_start_again:
            raise self._failed(GuestNeverBooted, trouble)
        self._resets_left -= 1
        self.machine.start_again()

    @property
    def _lost_its_timer(self) -> bool:
        """Whether a processor gets no more timer interrupts: the system crawls from one RCU stall to the next.

        QEMU 10 emulating two processors does that to one start in thirty or so, whatever runs in the guest.
        """
        if self.accelerator.kind is not AcceleratorKind.TCG or self.machine.process is self._in_use:
            return False
        return any(finding.trouble is Trouble.LOST_TIMER for finding in self.console.findings)

    def _choose_first_entry(self) -> None:
        """Press Enter when the boot menu has come up. Not for long: the same keyboard is a login's later."""
        shown = self.milestones.get(Milestone.BOOT_LOADER)
        at_the_menu = shown is not None and self._seconds < shown + MENU_SECONDS
        if at_the_menu and self.console.milestone is Milestone.BOOT_LOADER:
            self.machine.monitor.press("ret")

    def _found(self, finding: Finding) -> None:
        """End a guest that died while it is used: an ssh command would wait for its answer for ever."""
        if finding.trouble in FATAL and self._host is not None and not self._may_fail:
            threading.Timer(LAST_WORDS_SECONDS, self.machine.process.kill).start()

    def _failed(self, kind: type[GuestFailed], reason: str) -> GuestFailed:
        return kind(self.machine.report(WHAT[kind], reason), self.console.log)


WHAT = {
    GuestNeverBooted: "the guest never booted",
    GuestDied: "the guest died",
    GuestNotShutDown: "the guest did not shut down cleanly",
}
