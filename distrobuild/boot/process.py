"""One run of QEMU, from switching a machine on until it is off: the process, its monitor and its serial console."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from distrobuild.boot.console import Console
from distrobuild.boot.qemu import QemuDied
from distrobuild.boot.qmp import Monitor, MonitorFailed
from distrobuild.boot.signs import Finding, Milestone
from distrobuild.sandbox.sandbox import Sandbox

START_SECONDS = 30.0
"""How long QEMU may take to connect to the console's socket, and to end when it is told to."""
RESET = "guest-reset"
"""Why a machine ended that started itself again: a guest's reboot ends QEMU, and whoever runs it may run it anew."""


class QemuProcess:
    """A machine that is on. A context manager: leaving it switches the machine off, if it has not ended by itself.

    `command` is QEMU and its arguments but for the channels to this process; `folder` gets console.log and qemu.log,
    to which a further run adds. The callbacks are those of `Console`.
    """

    monitor: Monitor
    console: Console

    def __init__(
        self,
        sandbox: Sandbox,
        command: Sequence[str],
        folder: Path,
        on_milestone: Callable[[Milestone], None],
        on_finding: Callable[[Finding], None],
    ) -> None:
        self._sandbox = sandbox
        self._command = command
        self._folder = folder
        self._on_milestone = on_milestone
        self._on_finding = on_finding
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            # A socket's path has 107 bytes at most (unix(7)), which a build folder can exceed.
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="distrobuild-guest-")))
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listener.bind(str(sockets / "console"))
            listener.listen(1)
            self.monitor = Monitor(sockets / "qmp")
            stack.callback(self.monitor.close)
            sandbox = replace(self._sandbox, extra={**self._sandbox.extra, "/sockets": sockets})
            log = stack.enter_context((self._folder / "qemu.log").open("ab"))
            self._process = sandbox.start([*self._command, *CHANNELS], stdout=log)
            stack.callback(self._end)
            record = self._folder / "console.log"
            self.console = Console(self._accept(listener), record, self._on_milestone, self._on_finding)
            self._greet()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def is_on(self) -> bool:
        """Whether QEMU still runs."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """QEMU's exit status, once it has ended."""
        return self._process.returncode

    def wait(self, seconds: float) -> None:
        """Wait until the machine is off and the console read to its end; raise `TimeoutExpired` after `seconds`."""
        self._process.wait(seconds)
        self.console.join(START_SECONDS)

    def kill(self) -> None:
        """Pull the plug: what the guest wrote and did not yet flush may be lost."""
        self._process.kill()

    @property
    def said(self) -> str:
        """What QEMU wrote, its first lines."""
        text = (self._folder / "qemu.log").read_text("utf-8", "replace").strip()
        return "\n".join(text.splitlines()[:20]) or "QEMU said nothing"

    @property
    def ending(self) -> str:
        """Why the machine is off: QEMU's own reason (`guest-shutdown`, `guest-reset`), or else what it wrote."""
        return self.monitor.shutdown_reason() or self.said

    def _accept(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + START_SECONDS
        while not select.select([listener], [], [], 0.1)[0]:
            if not self.is_on:
                raise QemuDied(f"QEMU ended at once with status {self.status}:\n{self.said}")
            if time.monotonic() > deadline:
                raise QemuDied(f"QEMU did not start within {START_SECONDS:g} s:\n{self.said}")
        return listener.accept()[0]

    def _greet(self) -> None:
        """Open the control channel. QEMU connects before it has read all of its command line, and may end then."""
        try:
            self.monitor.accept()
        except MonitorFailed as error:
            status = self._process.wait(START_SECONDS)
            raise QemuDied(f"QEMU ended at once with status {status}:\n{self.said}") from error

    def _end(self) -> None:
        """End QEMU if it still runs, at once: whoever wants a clean shutdown asks the guest for it before."""
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


CHANNELS = (
    *("-display", "none", "-action", "reboot=shutdown"),
    *("-chardev", "socket,id=console,path=/sockets/console", "-serial", "chardev:console"),
    *("-chardev", "socket,id=qmp,path=/sockets/qmp", "-mon", "chardev=qmp,mode=control"),
)
"""Console and control channel: what connects QEMU with this process. There is no screen but for pictures of it."""
