"""The serial console of a guest: read without pause, kept in a file, and watched for signs of trouble.

QEMU connects to a socket on which the host listens before QEMU starts, so not a byte is lost. A thread reads it
line by line with pexpect; a guest whose console nobody reads would come to a halt on a full buffer.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pexpect
from pexpect.socket_pexpect import SocketSpawn

from distrobuild.boot.signs import FATAL, Finding, Milestone, milestone_in, plain, trouble_in

TAIL_LINES = 40
"""How many of the console's last lines an error shows."""
QUIET_SECONDS = 0.5
"""A line without end (a prompt) counts as said when nothing has followed for so long."""

END_OF_LINE, QUIET, CLOSED = range(3)

if TYPE_CHECKING:
    _Spawn = SocketSpawn[bytes]
else:
    _Spawn = SocketSpawn  # generic for type checkers only


class _Recorded(_Spawn):
    """A socket that pexpect reads, every byte of it going to a file first (pexpect logs only what it sends to it)."""

    def __init__(self, connection: socket.socket, record: IO[bytes]) -> None:
        super().__init__(connection, timeout=QUIET_SECONDS)
        self._record = record

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Read what is there, as pexpect asks for it."""
        data: bytes = super().read_nonblocking(size, timeout)
        self._record.write(data)
        return data


class Console:
    """Reads the guest's end of `connection` until it closes; everything said goes, as it came, to the end of `log`.

    `on_milestone` is called, from the reading thread, when the boot has come further; `on_finding` when there is
    a new sign of trouble.
    """

    def __init__(
        self,
        connection: socket.socket,
        log: Path,
        on_milestone: Callable[[Milestone], None],
        on_finding: Callable[[Finding], None],
    ) -> None:
        self.log = log
        self.milestone = Milestone.STARTED
        self.findings: list[Finding] = []
        self._on_milestone = on_milestone
        self._on_finding = on_finding
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._file: IO[bytes] = log.open("ab", buffering=0)
        self._line = _Recorded(connection, self._file)
        self._connection = connection
        self._thread = threading.Thread(target=self._read, name="console", daemon=True)
        self._thread.start()

    @property
    def tail(self) -> list[str]:
        """The last lines, plain."""
        return list(self._tail)

    @property
    def fatal(self) -> Finding | None:
        """The trouble that ended the boot, if any."""
        return next((finding for finding in list(self.findings) if finding.trouble in FATAL), None)

    @property
    def text(self) -> str:
        """Everything said so far, plain."""
        return "\n".join(map(plain, self.log.read_bytes().decode("utf-8", "replace").split("\n")))

    def send(self, text: str) -> None:
        """Type `text` on the console."""
        self._connection.sendall(text.encode())

    def join(self, seconds: float) -> None:
        """Wait until QEMU has closed the console, at most `seconds`, and close the log."""
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._file.close()

    def _read(self) -> None:
        seen = ""
        # A fixed string is looked for in what is new only; a pattern would read a long line again and again.
        while (event := self._line.expect_exact([b"\n", pexpect.TIMEOUT, pexpect.EOF])) != CLOSED:
            said = plain(_text(self._line.before))
            if event == END_OF_LINE or said != seen:
                self._examine(said, whole=event == END_OF_LINE)
            seen = said
        self._examine(plain(_text(self._line.before)), whole=True)

    def _examine(self, line: str, *, whole: bool) -> None:
        if whole and line:
            self._tail.append(line)
        finding = trouble_in(line)
        if finding is not None and finding not in self.findings:
            self.findings.append(finding)
            self._on_finding(finding)
        milestone = milestone_in(line)
        if milestone is not None and milestone > self.milestone:
            self.milestone = milestone
            self._on_milestone(milestone)


def _text(said: object) -> str:
    """What pexpect holds, as text; its placeholders for an event are none."""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else ""
