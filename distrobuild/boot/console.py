"""The serial console of a guest: read without pause, kept in a file, and watched for signs of trouble.

QEMU connects to a socket on which the host listens before QEMU starts, so not a byte is lost. A thread reads it
line by line with pexpect; a guest whose console nobody reads would come to a halt on a full buffer.
"""

from __future__ import annotations

import re
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import IO

import pexpect
from pexpect.socket_pexpect import SocketSpawn

TAIL_LINES = 40
"""How many of the console's last lines an error shows."""
QUIET_SECONDS = 0.5
"""A line without end (a prompt) counts as said when nothing has followed for so long."""

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?=]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>cM78])")
"""Control sequences of terminals: CSI, OSC, character sets, single letters (ECMA-48, xterm)."""


class Milestone(IntEnum):
    """How far a boot has come, by what the console says."""

    STARTED = 0
    BOOT_LOADER = 1
    KERNEL = 2
    INITRAMFS = 3
    SYSTEMD = 4
    LOGIN = 5

    def __str__(self) -> str:
        return MILESTONES[self]


MILESTONES = {
    Milestone.STARTED: "QEMU started, the console was silent",
    Milestone.BOOT_LOADER: "the boot loader",
    Milestone.KERNEL: "the kernel",
    Milestone.INITRAMFS: "the initramfs",
    Milestone.SYSTEMD: "systemd",
    Milestone.LOGIN: "the login prompt",
}

SIGNS_OF_PROGRESS = (
    (Milestone.LOGIN, re.compile(r"^\S+ login: ?$")),
    (Milestone.SYSTEMD, re.compile(r"systemd\[1\]: (Detected|Hostname|Queued)|^Welcome to |^\[  OK  \] ")),
    (Milestone.INITRAMFS, re.compile(r"Run /init as init process|^Loading, please wait|^Begin: |running in initrd")),
    (Milestone.KERNEL, re.compile(r"^\[ +\d+\.\d+\] Linux version ")),
    (Milestone.BOOT_LOADER, re.compile(r"GNU GRUB|^BdsDxe: (loading|starting)|ISOLINUX")),
)


class Trouble(StrEnum):
    """Kinds of trouble that a console shows."""

    PANIC = "kernel panic"
    OOPS = "kernel oops"
    WARNING = "kernel warning"
    EMERGENCY = "emergency mode"
    NO_ROOT = "no root file system"
    NO_MEDIUM = "nothing to boot"
    FAILED_UNIT = "failed unit"


FATAL = frozenset({Trouble.PANIC, Trouble.EMERGENCY, Trouble.NO_ROOT, Trouble.NO_MEDIUM})
"""Trouble after which a boot never comes to its end."""

SIGNS_OF_TROUBLE = (
    (Trouble.PANIC, re.compile(r"Kernel panic - not syncing")),
    (Trouble.OOPS, re.compile(r"\] (BUG: (?!soft lockup|workqueue lockup)|kernel BUG at|Oops: |general protection fault|invalid opcode: )")),
    (Trouble.WARNING, re.compile(r"\] WARNING: (CPU: \d+ PID: \d+ at |possible |inconsistent |suspicious )")),
    (Trouble.EMERGENCY, re.compile(r"You are in (emergency|rescue) mode|Reached target emergency\.target")),
    (Trouble.NO_ROOT, re.compile(r"^\(initramfs\)|Unable to find a medium|Gave up waiting for root|ALERT! +\S+ does not exist")),
    (Trouble.NO_MEDIUM, re.compile(r"^No bootable (device|medium)|BdsDxe: No bootable option|^error: .*(no such device|not found)\.?$|^grub rescue>")),
    (Trouble.FAILED_UNIT, re.compile(r"^\[FAILED\] Failed to (start|mount|listen|activate)")),
)
"""Read top down, the first match counts. Lockups are left out: a busy host that emulates processors causes them."""


@dataclass(frozen=True)
class Finding:
    """One sign of trouble, and the line that shows it."""

    trouble: Trouble
    line: str

    def __str__(self) -> str:
        return f"{self.trouble}: {self.line}"


def plain(line: str) -> str:
    """`line` as a person reads it: without control sequences, and of overwritten text only what remained."""
    return ESCAPE.sub("", line).rstrip("\r\n").rsplit("\r", 1)[-1].rstrip()


def trouble_in(line: str) -> Finding | None:
    """The trouble that a plain line shows, if any."""
    for trouble, sign in SIGNS_OF_TROUBLE:
        if sign.search(line):
            return Finding(trouble, line.strip())
    return None


def milestone_in(line: str) -> Milestone | None:
    """The milestone that a plain line shows, if any."""
    for milestone, sign in SIGNS_OF_PROGRESS:
        if sign.search(line):
            return milestone
    return None


class Console:
    """Reads the guest's end of `connection` until it closes; everything said goes to `log` as it came.

    `on_milestone` is called, from the reading thread, when the boot has come further.
    """

    def __init__(self, connection: socket.socket, log: Path, on_milestone: Callable[[Milestone], None]) -> None:
        self.log = log
        self.milestone = Milestone.STARTED
        self.findings: list[Finding] = []
        self._on_milestone = on_milestone
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._file: IO[bytes] = log.open("wb", buffering=0)
        self._line = SocketSpawn(connection, timeout=QUIET_SECONDS, logfile=self._file, codec_errors="replace")
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
        end_of_line, quiet = 0, 1
        seen = ""
        events = [re.compile(rb"[^\n]*\n"), pexpect.TIMEOUT, pexpect.EOF]
        while (event := self._line.expect_list(events)) in (end_of_line, quiet):
            if event == end_of_line:
                self._examine(plain(self._line.after.decode("utf-8", "replace")), whole=True)
                seen = ""
            elif (prompt := plain(self._line.buffer.decode("utf-8", "replace"))) != seen:
                self._examine(prompt, whole=False)
                seen = prompt
        self._examine(plain((self._line.before or b"").decode("utf-8", "replace")), whole=True)

    def _examine(self, line: str, *, whole: bool) -> None:
        if whole and line:
            self._tail.append(line)
        finding = trouble_in(line)
        if finding is not None and finding not in self.findings:
            self.findings.append(finding)
        milestone = milestone_in(line)
        if milestone is not None and milestone > self.milestone:
            self.milestone = milestone
            self._on_milestone(milestone)
