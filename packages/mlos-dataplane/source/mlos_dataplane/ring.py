# SPDX-License-Identifier: Apache-2.0
"""Rings and queues: messages of one size from process to process, each once and whole."""

from __future__ import annotations

import ctypes
import enum
import os
from collections.abc import Callable, Iterator
from functools import partial

from mlos_dataplane.library import PeerLeft, ends_at, fail, library, wait
from mlos_dataplane.opened import Opened

BATCH = 256
"""Messages that an iterator fetches at once; they are in this process then, and lost if it dies."""


class Peer(enum.IntEnum):
    """What became of the other side."""

    ABSENT = 0
    PRESENT = 1
    CLOSED = 2
    DEAD = 3


def create_ring(path: str | os.PathLike[str] | None, message_size: int, capacity: int) -> int:
    """Make a ring for `capacity` messages (a power of two) of `message_size` bytes.

    Without a path the descriptor of an anonymous file is returned, else 0. Raises OSError: EINVAL, FileExistsError.
    """
    return _create("ring", path, message_size, capacity)


def create_queue(path: str | os.PathLike[str] | None, message_size: int, capacity: int) -> int:
    """Make a queue; likewise, and `message_size` is a multiple of 8."""
    return _create("queue", path, message_size, capacity)


def _create(kind: str, path: str | os.PathLike[str] | None, message_size: int, capacity: int) -> int:
    if message_size < 0 or capacity < 0:
        raise ValueError("sizes are positive")
    create = getattr(library, f"dp_{kind}_create")
    made: int = create(None if path is None else os.fsencode(path), message_size, capacity)
    if made < 0:
        raise fail(None if path is None else os.fspath(path))
    return made


class _Side(Opened):
    """One side of a ring or a queue, and this process's place there."""

    _side: int
    _kind = "ring"

    def __init__(self, place: str | os.PathLike[str] | int) -> None:
        """Take this side of the one at a path, or of an anonymous one by its descriptor.

        Raises `OtherVersion`, `Damaged`, or OSError: EBUSY while living processes have all places of this side.
        """
        if isinstance(place, int):
            opened = self._call("open_fd")(place, self._side)
        else:
            opened, place = self._call("open")(os.fsencode(place), self._side), os.fspath(place)
        super().__init__(opened, self._call("close"), "this side", place)
        self.message_size: int = self._call("message_size")(opened)
        self.capacity: int = self._call("capacity")(opened)

    @property
    def peer(self) -> Peer:
        """What became of the other side, as of now."""
        return Peer(self._call("peer")(self.handle()))

    def _call(self, name: str) -> Callable[..., int]:
        function: Callable[..., int] = getattr(library, f"dp_{self._kind}_{name}")
        return function


class Producer(_Side):
    """Who writes."""

    _side = 0

    def push(self, messages: bytes | bytearray | memoryview, timeout: float | None = None) -> int:
        """Write whole messages, one after the other; return how many were written before time (seconds) ran out.

        If none was: BlockingIOError (timeout 0), TimeoutError, `PeerLeft`, `PeerDied`.
        """
        handle = self.handle()
        content = bytes(messages)
        count, rest = divmod(len(content), self.message_size)
        if rest:
            raise ValueError(f"{len(content)} bytes are no whole messages of {self.message_size}")
        end = ends_at(timeout)
        written = 0
        while written < count:
            part = content[written * self.message_size :] if written else content
            try:
                written += wait(partial(self._call("push"), handle, part, count - written), end)
            except OSError:
                if not written:
                    raise
                break
        return written


class Consumer(_Side):
    """Who reads. As an iterator it gives message by message until nobody writes any more, or raises `PeerDied`."""

    _side = 1

    def pop(self, room: int = 1, timeout: float | None = None) -> bytes:
        """Read up to `room` messages, at least one, as one piece of bytes; wait for the first.

        Raises BlockingIOError (timeout 0), TimeoutError, `PeerLeft`, `PeerDied`.
        """
        handle = self.handle()
        if room < 1:
            raise ValueError("room is at least 1")
        room = min(room, self.capacity)
        space = ctypes.create_string_buffer(room * self.message_size)
        count = wait(partial(self._call("pop"), handle, space, room), ends_at(timeout))
        return ctypes.string_at(space, count * self.message_size)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                batch = self.pop(BATCH)
            except PeerLeft:
                return
            for start in range(0, len(batch), self.message_size):
                yield batch[start : start + self.message_size]


class QueueProducer(Producer):
    """One of up to 32 who write to a queue."""

    _kind = "queue"


class QueueConsumer(Consumer):
    """One of up to 32 who read from a queue; each message goes to one of them."""

    _kind = "queue"
