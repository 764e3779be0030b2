"""QEMU's control channel (QMP): what state the machine is in, its screen, its keyboard, its power button.

`qemu.qmp` is asynchronous; here its event loop runs in a thread and every method waits for the answer. Reference
of the commands: QEMU QMP Reference Manual.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

from qemu.qmp import ExecuteError, QMPClient, QMPError

from distrobuild.errors import DistrobuildError

ANSWER_SECONDS = 30.0
"""How long QEMU may take to answer; it does so in milliseconds unless it hangs."""
FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")

T = TypeVar("T")

# What breaks is raised; without a handler Python would print it as well.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())


class MonitorFailed(DistrobuildError):
    """QEMU refused a command, or its control channel broke."""


class Monitor:
    """The host's end of QMP: listens at `address`, a socket path, until QEMU connects."""

    def __init__(self, address: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._thread.start()
        self._client = QMPClient("guest")
        self._wait(self._client.start_server(str(address)), "listening")

    def accept(self) -> None:
        """Wait until QEMU has connected and greeted."""
        self._wait(self._client.accept(), "QEMU's greeting")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its answer; raise `MonitorFailed` if it is refused."""
        answer: Any = self._wait(self._client.execute(command, arguments or None), command)
        return answer

    @property
    def status(self) -> str:
        """State of the machine: `running`, `internal-error`, `guest-panicked`, `shutdown`, ..."""
        return str(self.execute("query-status")["status"])

    @property
    def ssh_port(self) -> int:
        """The port of 127.0.0.1 that leads to the guest's ssh server."""
        table = str(self.execute("human-monitor-command", **{"command-line": "info usernet"}))
        match = FORWARD.search(table)
        if match is None:
            raise MonitorFailed(f"QEMU forwards no port to the guest:\n{table}")
        return int(match[1])

    def screenshot(self, path: str) -> None:
        """Write the screen as PNG to `path`, as QEMU sees it (`/out/...`)."""
        self.execute("screendump", filename=path, format="png")

    def press(self, key: str) -> None:
        """Press and release one key, by QEMU's name (`ret`)."""
        self.execute("send-key", keys=[{"type": "qcode", "data": key}])

    def push_power_button(self) -> None:
        """Ask the guest to power down, by ACPI."""
        self.execute("system_powerdown")

    def quit(self) -> None:
        """End QEMU at once."""
        self.execute("quit")

    def shutdown_reason(self) -> str | None:
        """Why the machine was shut down (`guest-shutdown`, `guest-reset`, `host-qmp-quit`, ...), if it was."""
        seen = [event for event in self._client.events.history if event["event"] == "SHUTDOWN"]
        return str(cast("dict[str, str]", seen[-1]["data"])["reason"]) if seen else None

    def close(self) -> None:
        """Close the channel and end the thread; QEMU goes on."""
        try:
            self._wait(self._client.disconnect(), "closing")
        except MonitorFailed:
            pass  # QEMU has closed its end first: that is how it ends
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, call: Coroutine[Any, Any, T], purpose: str) -> T:
        async def limited() -> T:
            return await asyncio.wait_for(call, ANSWER_SECONDS)

        try:
            return asyncio.run_coroutine_threadsafe(limited(), self._loop).result()
        except ExecuteError as error:
            raise MonitorFailed(f"QEMU refused `{purpose}`: {error}") from error
        except (QMPError, EOFError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise MonitorFailed(f"QEMU's control channel broke at `{purpose}`: {reason}") from error
