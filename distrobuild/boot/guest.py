"""A booted guest: started, waited for until systemd says that the system runs, used, and shut down.

    with Guest(GuestOptions(image=Path("mlos.iso")), tools_root, folder, accelerator) as guest:
        guest.wait_until_running(600)
        guest.host.run("uname -r")
        guest.power_off()

`folder` gets console.log, qemu.log and screenshot.png.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko
from testinfra.host import Host

from distrobuild.boot import login, netboot
from distrobuild.boot.accelerator import Accelerator
from distrobuild.boot.console import Console
from distrobuild.boot.firmware import firmware_arguments
from distrobuild.boot.qemu import GuestOptions, Medium, QemuDied, credential, disks, machine, network
from distrobuild.boot.qmp import Monitor, MonitorFailed
from distrobuild.boot.requirements import require_qemu
from distrobuild.boot.signs import FATAL, Finding, Milestone
from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import Sandbox

MEBIBYTE = 1 << 20
POLL_SECONDS = 0.5
START_SECONDS = 30.0
"""How long QEMU may take to connect to the console's socket."""
LAST_WORDS_SECONDS = 2.0
"""How long a guest may go on printing after a panic before it is ended."""
MENU_SECONDS = 2.0
"""How long Enter is pressed after the boot menu's first line."""
POWER_OFF_SECONDS = 120.0
REBOOT_SECONDS = 600.0


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
    """One QEMU process and the way into it. A context manager: leaving it ends QEMU."""

    console: Console
    """The serial console, once QEMU has started."""

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
        self._tools_root = tools_root
        self._host: Host | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        require_qemu(self._tools_root)
        with contextlib.ExitStack() as stack:
            # A socket's path has 107 bytes at most (unix(7)), which a build folder can exceed.
            self._private = Path(tempfile.mkdtemp(prefix="distrobuild-guest-"))
            stack.callback(shutil.rmtree, self._private)
            self._key = login.make_key(self._private)
            self._start(stack)
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
    def findings(self) -> list[Finding]:
        """Signs of trouble on the console so far."""
        return list(self.console.findings)

    @property
    def is_on(self) -> bool:
        """Whether QEMU still runs."""
        return self._process.poll() is None

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

        def restart() -> None:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self.host.run("systemctl reboot --no-block")

        self._start_again(restart, timeout_seconds, may_fail=may_fail)

    def cut_power(self, timeout_seconds: float = REBOOT_SECONDS) -> None:
        """Reset the machine without a word to the guest, whose memory is lost, and wait as after `reboot`."""
        self._start_again(self.monitor.reset, timeout_seconds, may_fail=True)

    def require_health(self) -> None:
        """Raise `GuestDied` if the guest crashed or ended by itself; one that was powered off is fine."""
        if (finding := self.console.fatal) is not None:
            raise GuestDied(*self._report("the guest died", str(finding)))
        if not self.is_on and not self._powered_off:
            status = self._process.returncode
            raise GuestDied(*self._report("the guest died", f"QEMU ended with status {status}: {self._qemu_said()}"))

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
            status = self._process.wait(POWER_OFF_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._not_shut_down(f"it was still on {POWER_OFF_SECONDS:g} s after `poweroff`") from None
        self.console.join(START_SECONDS)
        if status != 0:
            raise self._not_shut_down(f"QEMU ended with status {status}: {self._qemu_said()}")
        if (reason := self.monitor.shutdown_reason()) != "guest-shutdown":
            raise self._not_shut_down(f"the machine ended by `{reason}`, not by the guest's power down")
        if "reboot: Power down" not in self.console.text:
            raise self._not_shut_down("the kernel did not say `Power down`")

    def _start_again(self, restart: Callable[[], None], timeout_seconds: float, *, may_fail: bool) -> None:
        before = login.boot_id(self.host.backend.client)
        self.monitor.set_reboot_action("reset")
        self.console.milestone = Milestone.STARTED
        self.milestones.clear()
        self._may_fail = may_fail
        self._started = time.monotonic()
        restart()
        self.state = None
        while self.state is None or (may_fail and self.state != "running"):
            client = self._wait_for_login(timeout_seconds, before)
            self.host.backend.client = client
            before = login.boot_id(client)
            try:
                self.state = self._system_state(client, timeout_seconds)
            except GuestNeverBooted:
                if not may_fail:
                    raise
        self.monitor.set_reboot_action("shutdown")
        if may_fail:
            self.console.findings.clear()
            self._may_fail = False

    def _start(self, stack: contextlib.ExitStack) -> None:
        sockets = self._private / "sockets"
        work = self._private / "work"
        for folder in (sockets, work):
            folder.mkdir()
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(sockets / "console"))
        listener.listen(1)
        self.monitor = Monitor(sockets / "qmp")
        stack.callback(self.monitor.close)
        firmware = firmware_arguments(self.options.firmware, self._tools_root, work)
        for disk, size in disks(self.options).items():
            with (work / disk).open("wb") as file:
                file.truncate(size * MEBIBYTE)
        if self.options.medium is Medium.NETWORK:
            stack.enter_context(netboot.serve(self.options.image, self.options.ignition, work))
        sandbox = Sandbox(
            root=self._tools_root,
            inputs=self.options.inputs,
            work=work,
            output=self.folder,
            epoch=0,
            network=True,  # the guest's ssh port is a port of the host's loopback
            extra={"/sockets": sockets},
            devices=self.accelerator.devices,
        )
        qemu_log = stack.enter_context((self.folder / "qemu.log").open("wb"))
        self._started = time.monotonic()
        command = [*machine(self.options, self.accelerator), *firmware, *self._channels()]
        self._process = sandbox.start(command, stdout=qemu_log)
        stack.callback(self._end)
        self.console = Console(self._accept(listener), self.folder / "console.log", self._reached, self._found)
        self._greet()
        self._port = self.monitor.ssh_port

    def _channels(self) -> list[str]:
        """Console, control channel, network and the key: what connects the guest with this process."""
        return [
            *("-display", "none", "-action", "reboot=shutdown"),
            *("-chardev", "socket,id=console,path=/sockets/console", "-serial", "chardev:console"),
            *("-chardev", "socket,id=qmp,path=/sockets/qmp", "-mon", "chardev=qmp,mode=control"),
            *self._network(),
            *credential(login.CREDENTIAL, self._key.public),
        ]

    def _network(self) -> list[str]:
        """No way out; but a machine that starts from the network must reach the server, which is this host."""
        if self.options.medium is Medium.NETWORK:
            return network(outside=True, boot=f"/work/{netboot.SCRIPT}")
        return network(outside=False)

    def _accept(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + START_SECONDS
        while not select.select([listener], [], [], 0.1)[0]:
            if self._process.poll() is not None:
                raise QemuDied(f"QEMU ended at once with status {self._process.returncode}:\n{self._qemu_said()}")
            if time.monotonic() > deadline:
                raise QemuDied(f"QEMU did not start within {START_SECONDS:g} s:\n{self._qemu_said()}")
        return listener.accept()[0]

    def _greet(self) -> None:
        """Open the control channel. QEMU connects before it has read all of its command line, and may end then."""
        try:
            self.monitor.accept()
        except MonitorFailed as error:
            status = self._process.wait(START_SECONDS)
            raise QemuDied(f"QEMU ended at once with status {status}:\n{self._qemu_said()}") from error

    def _reached(self, milestone: Milestone) -> None:
        self.milestones[milestone] = time.monotonic() - self._started
        self._on_milestone(milestone, self.milestones[milestone])

    def _found(self, finding: Finding) -> None:
        """End a guest that died while it is used: an ssh command would wait for its answer for ever."""
        if finding.trouble in FATAL and self._host is not None and not self._may_fail:
            threading.Timer(LAST_WORDS_SECONDS, self._process.kill).start()

    def _check_alive(self) -> None:
        """Raise `GuestNeverBooted` if the boot has come to a dead end."""
        if (finding := self.console.fatal) is not None and not self._may_fail:
            time.sleep(LAST_WORDS_SECONDS)
            raise self._never_booted(str(finding))
        try:
            status = self.monitor.status
            if status != "running":
                raise self._never_booted(f"the machine stopped ({status}): {self._qemu_said()}")
        except MonitorFailed:
            self._process.wait(START_SECONDS)
            reason = self.monitor.shutdown_reason() or self._qemu_said()
            raise self._never_booted(f"QEMU ended with status {self._process.returncode}: {reason}") from None

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

    def _end(self) -> None:
        """End QEMU if it still runs, at once: whoever wants a clean shutdown calls `power_off` before."""
        if self.is_on:
            with contextlib.suppress(MonitorFailed):
                self.monitor.quit()
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if hasattr(self, "console"):
            self.console.join(START_SECONDS)

    def _qemu_said(self) -> str:
        text = (self.folder / "qemu.log").read_text("utf-8", "replace").strip()
        return "\n".join(text.splitlines()[:20]) or "QEMU said nothing"

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
