# SPDX-License-Identifier: Apache-2.0
"""A live view of all devices in the terminal."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mlos_accel import uevents
from mlos_accel.errors import WrongUsage
from mlos_accel.frame import frame
from mlos_accel.inventory import Inventory, collect
from mlos_accel.rates import History
from mlos_accel.screen import NARROWEST, standard
from mlos_accel.tree import Tree

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""To the terminal's other page and back, without and with its cursor."""
HOME, TO_LINE_END, TO_END = "\x1b[H", "\x1b[K", "\x1b[J"
REMEMBERED = 200
"""Loads of a device: more than any terminal has columns for."""
QUIT = {b"q", b"Q", b"\x03", b"\x04"}
DOWN, UP = {b"j", b"\x1b[B"}, {b"k", b"\x1b[A"}


@dataclass
class _View:
    """What is shown, and from which device on."""

    tree: Tree
    interval: float
    history: History
    inventory: Inventory
    first: int = 0

    def read(self) -> None:
        """Take a new reading."""
        self.inventory = collect(Tree(self.tree.root, live=self.tree.live))
        self.history.add(self.inventory, time.monotonic())
        self.first = min(self.first, max(0, len(self.inventory.devices) - 1))

    def draw(self) -> None:
        """Write the picture over the last one: nothing flickers, since nothing is cleared first."""
        heading = f"{os.uname().nodename}  {time.strftime('%H:%M:%S')}"
        size = os.get_terminal_size(sys.stdout.fileno())  # not $COLUMNS, which does not follow the terminal's
        screen = replace(standard(), columns=max(NARROWEST, size.columns))
        lines = frame(self.inventory, self.history, screen, size.lines, first=self.first, heading=heading)
        sys.stdout.write(HOME + "\n".join(line + TO_LINE_END for line in lines) + TO_END)
        sys.stdout.flush()

    def scroll(self, key: bytes) -> None:
        """One device down or up."""
        step = (key in DOWN) - (key in UP)
        self.first = min(max(0, self.first + step), max(0, len(self.inventory.devices) - 1))


def watch(tree: Tree, interval: float) -> None:
    """Show readings every `interval` seconds, and at once if a device comes or goes, until `q`. Raises `WrongUsage`."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUsage("`watch` needs a terminal", "`json` and `metrics` are for programs")
    view = _View(tree, interval, History(REMEMBERED), Inventory((), ()))
    view.read()
    with _terminal(), _resizes() as resized, selectors.DefaultSelector() as wait:
        wait.register(sys.stdin, selectors.EVENT_READ)
        wait.register(resized, selectors.EVENT_READ)
        news = uevents.listen() if tree.live else None
        if news:
            wait.register(news, selectors.EVENT_READ)
        with news or contextlib.nullcontext():
            _loop(view, wait, resized, news)


def _loop(view: _View, wait: selectors.BaseSelector, resized: socket.socket, news: socket.socket | None) -> None:
    due = time.monotonic() + view.interval
    while True:
        view.draw()
        ready = {key.fileobj for key, _ in wait.select(max(0.0, due - time.monotonic()))}
        if sys.stdin in ready:
            key = os.read(sys.stdin.fileno(), 16)
            if not key or key in QUIT:
                return
            view.scroll(key)
        if resized in ready:
            resized.recv(64)
        if time.monotonic() >= due or (news in ready and news and uevents.drained(news)):
            view.read()
            due = time.monotonic() + view.interval


@contextlib.contextmanager
def _terminal() -> Iterator[None]:
    """Keys come one by one and are not shown; all is as before afterwards, whatever happens."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        sys.stdout.write(ENTER)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        sys.stdout.write(LEAVE)
        sys.stdout.flush()


@contextlib.contextmanager
def _resizes() -> Iterator[socket.socket]:
    """A socket that becomes readable when the terminal has got another size, or somebody ends us."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        signal.signal(signal.SIGTERM, _leave)
        previous = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(previous)
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(*_: object) -> None:
    """Unwind, so that the terminal is given back as it was."""
    raise KeyboardInterrupt
