"""The console is tested with a real socket; what QEMU would send is written to its other end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from distrobuild.boot.console import TAIL_LINES, Console
from distrobuild.boot.signs import Finding, Milestone, Trouble

SECONDS = 10.0


@dataclass
class Seen:
    """What the console has reported, and a bell for each."""

    milestones: list[Milestone] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    bell: threading.Event = field(default_factory=threading.Event)

    def milestone(self, milestone: Milestone) -> None:
        self.milestones.append(milestone)
        self.bell.set()

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.bell.set()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def guest_end() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def console(guest_end: tuple[socket.socket, socket.socket], tmp_path: Path, seen: Seen) -> Iterator[Console]:
    console = Console(guest_end[0], tmp_path / "console.log", seen.milestone, seen.finding)
    yield console
    guest_end[1].close()
    console.join(SECONDS)


def test_every_byte_is_kept(console: Console, guest_end: tuple[socket.socket, socket.socket]) -> None:
    said = b"\x1b[2Jfirst\r\nsecond \xff\r\n" + b"x" * 70_000 + b"\r\nlast, without end"
    guest_end[1].sendall(said)
    guest_end[1].close()
    console.join(SECONDS)
    assert console.log.read_bytes() == said
    assert console.tail[0] == "first"
    assert console.tail[-1] == "last, without end"


def test_trouble_and_progress_are_reported_once(
    console: Console, guest_end: tuple[socket.socket, socket.socket], seen: Seen
) -> None:
    guest_end[1].sendall(
        b"[    0.000000] Linux version 6.12\r\n[    1.0] BUG: bad\r\n[    1.0] BUG: bad\r\nWelcome to MLOS!\r\n"
        b"[    2.0] Linux version again\r\n"
    )
    guest_end[1].close()
    console.join(SECONDS)
    assert seen.milestones == [Milestone.KERNEL, Milestone.SYSTEMD]
    assert seen.findings == [Finding(Trouble.OOPS, "[    1.0] BUG: bad")]
    assert console.fatal is None


def test_a_prompt_without_end_of_line_counts(
    console: Console, guest_end: tuple[socket.socket, socket.socket], seen: Seen
) -> None:
    guest_end[1].sendall(b"\r\n(initramfs) ")
    assert seen.bell.wait(SECONDS)
    assert console.fatal == Finding(Trouble.NO_ROOT, "(initramfs)")


def test_a_sign_that_comes_in_pieces_is_found(
    console: Console, guest_end: tuple[socket.socket, socket.socket], seen: Seen
) -> None:
    for piece in (b"[  1.0] Kernel pa", b"nic - not syn", b"cing: no init\r\n"):
        guest_end[1].sendall(piece)
    assert seen.bell.wait(SECONDS)
    assert [finding.trouble for finding in seen.findings] == [Trouble.PANIC]


def test_the_tail_is_short(console: Console, guest_end: tuple[socket.socket, socket.socket]) -> None:
    guest_end[1].sendall(b"".join(b"line %d\r\n\r\n" % number for number in range(1000)))
    guest_end[1].close()
    console.join(SECONDS)
    assert len(console.tail) == TAIL_LINES
    assert console.tail[-1] == "line 999"


def test_what_is_typed_arrives(console: Console, guest_end: tuple[socket.socket, socket.socket]) -> None:
    console.send("root\r")
    assert guest_end[1].recv(100) == b"root\r"
