# SPDX-License-Identifier: Apache-2.0
"""How fast tensors are on this machine: `tensormem bench`. Seconds, beside the named thing that they replace."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tensormem.tensor import Tensor

ATTACHMENTS = 200


@dataclass(frozen=True)
class Measurement:
    """Seconds of a thing and of what it is compared with."""

    what: str
    seconds: float
    baseline: str
    baseline_seconds: float

    @property
    def ratio(self) -> float:
        """How many times the baseline takes."""
        return self.baseline_seconds / self.seconds


def measure(size: int, huge: bool | None) -> Iterator[Measurement]:
    """Attaching a tensor of `size` bytes in another process, and making one; `huge` as in `Tensor.create`."""
    source = Tensor.create(size, None, huge=huge, populate=True)
    copy = Tensor.create(size, None, huge=huge, populate=True)
    from_view, to_view = source.view(write=True, populate=True), copy.view(write=True, populate=True)
    start, target = (ctypes.addressof(ctypes.c_ubyte.from_buffer(view)) for view in (from_view, to_view))
    ctypes.memset(start, 1, size)
    memcpy = best_of(lambda: ctypes.memmove(target, start, size))
    memset = best_of(lambda: _fill_fresh(size, source.info.huge))
    to_view.release()
    from_view.release()
    source.seal()
    times = sorted(attach_times(source))
    yield Measurement("attach, all mapped, median", statistics.median(times), "memcpy", memcpy)
    yield Measurement("attach, all mapped, p99", times[int(len(times) * 0.99)], "memcpy", memcpy)
    yield Measurement("create, fill, seal", best_of(lambda: _make(size, huge)), "memset of new memory", memset)


def attach_times(tensor: Tensor, count: int = ATTACHMENTS) -> list[float]:
    """Seconds that another process needs from the socket to memory without page faults, each time."""
    here, there = socket.socketpair()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        here.close()
        times = [_attach(there) for _ in range(count)]
        os.write(writer, b" ".join(str(each).encode() for each in times))
        os._exit(0)
    os.close(writer)
    there.close()
    with here:
        for _ in range(count):
            tensor.send(here)
            here.recv(1)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return [float(each) for each in text.split()]


def best_of(work: Callable[[], object], count: int = 3) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _attach(connection: socket.socket) -> float:
    connection.recv(1, socket.MSG_PEEK)  # it is there: what counts is not how long the sender takes
    start = time.perf_counter()
    tensor = Tensor.receive(connection)
    view = tensor.view(populate=True)
    took = time.perf_counter() - start
    view.release()
    tensor.close()
    connection.send(b".")
    return took


def _make(size: int, huge: bool | None) -> None:
    with Tensor.create(size, None, huge=huge) as tensor:
        with tensor.writing() as memory:
            ctypes.memset(ctypes.addressof(ctypes.c_ubyte.from_buffer(memory)), 1, size)
        tensor.seal()


def _fill_fresh(size: int, huge: bool) -> None:
    """Memory of this process alone, in pages of the same size."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
        pointer = ctypes.c_ubyte.from_buffer(memory)
        ctypes.memset(ctypes.addressof(pointer), 1, size)
        del pointer
