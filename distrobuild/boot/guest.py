"""A booted guest: started, waited for until systemd says that the system runs, used, and shut down.

    with Guest(GuestOptions(image=Path("mlos.iso")), tools_root, folder, accelerator) as guest:
        guest.wait_until_running(600)
        guest.host.run("uname -r")
        guest.power_off()

`folder` gets console.log, qemu.log and screenshot.png. A reboot is a new QEMU on the disks of the one before: what
disks and firmware hold stays, and nothing else, as with a machine that is switched off and on. (Reset in place, QEMU 10
emulating two processors has lost the timer of the second.)
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

from distrobuild.boot import login, netboot
from distrobuild.boot.accelerator import Accelerator
from distrobuild.boot.console import Console
from distrobuild.boot.disks import make_disks
from distrobuild.boot.firmware import firmware_arguments
from distrobuild.boot.process import RESET, QemuProcess
from distrobuild.boot.qemu import GuestOptions, Medium, credential, machine, network
from distrobuild.boot.qmp import Monitor, MonitorFailed
from distrobuild.boot.requirements import require_qemu
from distrobuild.boot.signs import FATAL, Finding, Milestone
from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import Sandbox

POLL_SECONDS = 0.5
END_SECONDS = 30.0
"""How long QEMU may take to end once its control channel is closed."""
LAST_WORDS_SECONDS = 2.0
"""How long a guest may go on printing after a panic before it is ended."""
MENU_SECONDS = 2.0
"""How long Enter is pressed after the boot menu's first line."""
POWER_OFF_SECONDS = 120.0
REBOOT_SECONDS = 600.0
LOGS = ("console.log", "qemu.log")
"""What every run of QEMU adds to."""
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

    def __init__(
        self,
        options: GuestOptions,
        tools_root: Path,
        folder: Path,
        accelerator: Accelerator,
        on_milestone: Callable[[Milestone, float], None] = lambda _milestone, _seconds: None,
    ) -> None:
        """`on_milestone` is called from another thread, with the seconds since QEMU's start."""
        self.options = options
        self.accelerator = accelerator
        self.folder = folder
        self.milestones: dict[Milestone, float] = {}
        """Seconds from QEMU's start to each milestone that the console showed."""
        self.seconds_to_running: float | None = None
        self.state: str | None = None
        """What `systemctl is-system-running` said when the boot was over: `running`, `degraded`."""
        self._on_milestone = on_milestone
        self._powered_off = False
        self._may_fail = False
        self._resets_left = 0
        self._earlier_findings: list[Finding] = []
        self._tools_root = tools_root
        self._host: Host | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        require_qemu(self._tools_root)
        with contextlib.ExitStack() as stack:
            self._private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="distrobuild-guest-")))
            self._key = login.make_key(self._private)
            self._sandbox, self._command = self._prepare(stack)
            self._power = stack.enter_context(contextlib.ExitStack())
            self._started = time.monotonic()
            self._switch_on()
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
        return self._process.console

    @property
    def monitor(self) -> Monitor:
        """QEMU's control channel."""
        return self._process.monitor

    @property
    def findings(self) -> list[Finding]:
        """Signs of trouble on the console so far."""
        return [*self._earlier_findings, *self.console.findings]

    @property
    def is_on(self) -> bool:
        """Whether QEMU still runs."""
        return self._process.is_on

    def wait_until_running(self, timeout_seconds: float) -> None:
        """Wait until systemd has finished the boot; raise `GuestNeverBooted` after `timeout_seconds` or a dead end."""
        client = self._wait_for_login(timeout_seconds, None)
        self._host = login.testinfra_host(self._port, self._key, client, self._private)
        self.state = self._system_state(client, timeout_seconds)
        self.seconds_to_running = time.monotonic() - self._started

    def reboot(self, timeout_seconds: float = REBOOT_SECONDS, *, may_fail: bool = False) -> None:
        """Restart the machine by `systemctl reboot`, and wait as for the first boot; `host` is then the new system.

        With `may_fail` the machine may crash or start again on the way, as often as it likes, if in the end it runs.
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
            self._process.kill()
            self._process.wait(END_SECONDS)
            self._switch_on()
            self._wait_for_next_boot(None, timeout_seconds)

    def require_health(self) -> None:
        """Raise `GuestDied` if the guest crashed or ended by itself; one that was powered off is fine."""
        if (finding := self.console.fatal) is not None:
            raise GuestDied(*self._report("the guest died", str(finding)))
        if not self.is_on and not self._powered_off:
            raise GuestDied(*self._report("the guest died", self._how_it_ended()))

    def send(self, source: Path, place: str) -> None:
        """Copy a file to `place` on the machine (SFTP)."""
        with self.host.backend.client.open_sftp() as channel:
            channel.put(str(source), place)

    def screenshot(self) -> Path:
        """Take a picture of the screen; return the PNG's path."""
        name = "screenshot.png"
        self.monitor.screenshot(f"/out/{name}")
        return self.folder / name

    def power_off(self) -> None:
        """Power the guest off by `systemctl poweroff`; raise `GuestNotShutDown` unless all of it ends well."""
        self._powered_off = True
        # The connection may break before the answer: that is no failure.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.host.run("systemctl poweroff --no-block")
        try:
            self._process.wait(POWER_OFF_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._not_shut_down(f"it was still on {POWER_OFF_SECONDS:g} s after `poweroff`") from None
        if self._process.status != 0:
            raise self._not_shut_down(self._how_it_ended())
        if (reason := self._process.ending) != "guest-shutdown":
            raise self._not_shut_down(f"the machine ended by `{reason}`, not by the guest's power down")
        if "reboot: Power down" not in self.console.text:
            raise self._not_shut_down("the kernel did not say `Power down`")

    def _prepare(self, stack: contextlib.ExitStack) -> tuple[Sandbox, list[str]]:
        """What outlives a reboot: disks, the firmware's variables, and the sandbox and command line that start QEMU."""
        for name in LOGS:
            (self.folder / name).unlink(missing_ok=True)
        work = self._private / "work"
        work.mkdir()
        sandbox = Sandbox(
            root=self._tools_root,
            inputs=self.options.inputs,
            work=work,
            output=self.folder,
            epoch=0,
            network=True,  # the guest's ssh port is a port of the host's loopback
            devices=self.accelerator.devices,
        )
        make_disks(self.options, sandbox, work)
        if self.options.medium is Medium.NETWORK:
            stack.enter_context(netboot.serve(self.options.image, self.options.ignition, work))
        command = [
            *machine(self.options, self.accelerator),
            *firmware_arguments(self.options.firmware, self._tools_root, work),
            *self._network(),
            *credential(login.CREDENTIAL, self._key.public),
        ]
        return sandbox, command

    def _switch_on(self) -> None:
        """Start QEMU on the disks as they are."""
        self._power.close()
        self.milestones.clear()
        process = QemuProcess(self._sandbox, self._command, self.folder, self._reached, self._found)
        self._process = self._power.enter_context(process)
        self._port = self.monitor.ssh_port

    @contextlib.contextmanager
    def _starting_again(self, resets: int, *, may_fail: bool) -> Iterator[None]:
        """Let the machine start itself again, so often; where it may fail, trouble on the console is then forgotten."""
        findings = self.findings
        self._resets_left, self._may_fail = resets, may_fail
        self._started = time.monotonic()
        yield
        self._resets_left, self._may_fail = 0, False
        if may_fail:
            self.console.findings.clear()
            self._earlier_findings = findings

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

    def _network(self) -> list[str]:
        """No way out; but a machine that starts from the network must reach the server, which is this host."""
        if self.options.medium is Medium.NETWORK:
            return network(outside=True, boot=f"/work/{netboot.SCRIPT}")
        return network(outside=False)

    def _reached(self, milestone: Milestone) -> None:
        self.milestones[milestone] = time.monotonic() - self._started
        self._on_milestone(milestone, self.milestones[milestone])

    def _found(self, finding: Finding) -> None:
        """End a guest that died while it is used: an ssh command would wait for its answer for ever."""
        if finding.trouble in FATAL and self._host is not None and not self._may_fail:
            threading.Timer(LAST_WORDS_SECONDS, self._process.kill).start()

    def _check_alive(self) -> None:
        """Raise `GuestNeverBooted` if the boot has come to a dead end; switch on again what may start again."""
        if (finding := self.console.fatal) is not None and not self._may_fail:
            time.sleep(LAST_WORDS_SECONDS)
            raise self._never_booted(str(finding))
        with contextlib.suppress(MonitorFailed):
            match self.monitor.status:
                case "running":
                    return
                case "shutdown":
                    pass  # it is about to end
                case status:
                    raise self._never_booted(f"the machine stopped ({status}): {self._process.said}")
        self._process.wait(END_SECONDS)
        if self._resets_left == 0 or self._process.ending != RESET:
            raise self._never_booted(self._how_it_ended())
        self._resets_left -= 1
        self._earlier_findings += self.console.findings
        self._switch_on()

    def _choose_first_entry(self) -> None:
        """Press Enter when the boot menu has come up. Not for long: the same keyboard is a login's later."""
        shown = self.milestones.get(Milestone.BOOT_LOADER)
        now = time.monotonic() - self._started
        if shown is not None and self.console.milestone is Milestone.BOOT_LOADER and now < shown + MENU_SECONDS:
            self.monitor.press("ret")

    def _wait_for_login(self, timeout_seconds: float, before: str | None) -> paramiko.SSHClient:
        """Wait for an ssh login to a system of another boot than `before`."""
        while True:
            client = login.log_in(self._port, self._key)
            if client is not None and login.boot_id(client) not in {before, None}:
                return client
            self._check_alive()
            self._choose_first_entry()
            if time.monotonic() > self._started + timeout_seconds:
                raise self._never_booted(f"it did not answer by ssh within {timeout_seconds:g} s")
            time.sleep(POLL_SECONDS)

    def _system_state(self, client: paramiko.SSHClient, timeout_seconds: float) -> str:
        """Ask systemd until it has finished the boot; it answers at the latest `timeout_seconds` after the start."""
        try:
            left = max(self._started + timeout_seconds - time.monotonic(), 1.0)
            _, stdout, _ = client.exec_command("systemctl is-system-running --wait", timeout=left)
            return stdout.read().decode().strip()
        except TimeoutError:
            jobs = self.host.run("systemctl list-jobs --no-pager --no-legend").stdout
            message = f"systemd had not finished after {timeout_seconds:g} s; still at work:\n{jobs}"
            raise self._never_booted(message) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._check_alive()
            raise self._never_booted(f"the connection broke: {error}") from error

    def _how_it_ended(self) -> str:
        return f"QEMU ended with status {self._process.status}: {self._process.ending}"

    def _never_booted(self, reason: str) -> GuestNeverBooted:
        return GuestNeverBooted(*self._report("the guest never booted", reason))

    def _not_shut_down(self, reason: str) -> GuestNotShutDown:
        return GuestNotShutDown(*self._report("the guest did not shut down cleanly", reason))

    def _report(self, what: str, reason: str) -> tuple[str, Path]:
        """A failure in words: what, why, how far it came, what the console said last and where the rest is."""
        milestone = self.console.milestone
        after = f", reached after {self.milestones[milestone]:.1f} s" if milestone in self.milestones else ""
        facts = [f"{what}: {reason}", f"  accelerator: {self.accelerator}", f"  last seen: {milestone}{after}"]
        facts += [f"  on the console: {finding}" for finding in self.findings]
        # By name only: the folder moves when a failed stage is kept.
        facts += [f"  {self.console.log.name} ends:", *(f"    {line}" for line in self.console.tail)]
        return "\n".join(facts), self.console.log
