# SPDX-License-Identifier: Apache-2.0
"""Devices of the accelerator hub."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlaccel import library
from mlaccel.buffer import Buffer, size_of
from mlaccel.context import Context, Times
from mlaccel.job import Job
from mlaccel.library import Handle, Held, call

if TYPE_CHECKING:
    from tensormem import Tensor


@dataclass(frozen=True)
class Info:
    """What a device says of itself; sizes are bytes."""

    number: int
    """N of /sys/class/accel_hub/N."""
    name: str
    kind: str
    """npu, tpu, gpu, sim (software) or other."""
    capabilities: frozenset[str]
    memory_total: int
    """0 if it does not limit buffers."""
    memory_used: int
    queues: int
    node: int | None
    """The nearest NUMA node."""


class Device(Held):
    """An open device. What cannot be opened or is refused raises OSError in words; ENODEV once the device has gone."""

    def __init__(self, which: int | str) -> None:
        """N of /sys/class/accel_hub/N, or the path of a node such as /dev/accel/accel0."""
        number = call("open", which) if isinstance(which, int) else call("open_node", os.fsencode(which))
        super().__init__(Handle(number, "close"))

    @classmethod
    def best(cls, *capabilities: str) -> Device:
        """The best device that can do all this: hardware before software, then the one with the least to do.

        Raises ValueError for a word that is none of sysfs, OSError with ENODEV if there is no such device.
        """
        for word in capabilities:
            if word not in library.CAPABILITIES:
                raise ValueError(f"there is no capability {word}: {', '.join(library.CAPABILITIES)}")
        device = cls.__new__(cls)
        wanted = sum(1 << library.CAPABILITIES.index(word) for word in set(capabilities))
        Held.__init__(device, Handle(call("open_best", wanted), "close"))
        return device

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def info(self) -> Info:
        """What it says of itself now."""
        found = library.Info()
        call("info", self.handle.number, ctypes.byref(found))
        words = (word for bit, word in enumerate(library.CAPABILITIES) if found.capabilities >> bit & 1)
        return Info(
            number=found.number,
            name=found.name.decode("utf-8", "replace"),
            kind=library.KINDS[found.kind] if found.kind < len(library.KINDS) else "other",
            capabilities=frozenset(words),
            memory_total=found.memory_total,
            memory_used=found.memory_used,
            queues=found.queues,
            node=None if found.node < 0 else found.node,
        )

    def buffer(self, shape: Sequence[int] | int, dtype: str = "float32") -> Buffer:
        """A new array, all zero. Raises OSError: ENOSPC if the device has not so much memory left."""
        lengths = (shape,) if isinstance(shape, int) else tuple(shape)
        handle = Handle(call("buffer_create", self.handle.number, size_of(lengths, dtype)), "buffer_close")
        return Buffer(handle, lengths, dtype)

    def import_fd(self, fd: int, shape: Sequence[int] | int, dtype: str = "float32") -> Buffer:
        """The memory of a dma-buf as an array, without a copy; the descriptor stays the caller's."""
        lengths = (shape,) if isinstance(shape, int) else tuple(shape)
        handle = Handle(call("buffer_import", self.handle.number, fd), "buffer_close")
        return Buffer(handle, lengths, dtype)

    def tensor(self, tensor: Tensor) -> Buffer:
        """A sealed tensor of libtensormem, for reading, without a copy. Raises OSError: ENOTSUP for one on a memfd."""
        info = tensor.info
        fd = tensor.export()
        try:
            return self.import_fd(fd, info.shape if info.dtype else info.size, info.dtype or "uint8")
        finally:
            os.close(fd)

    def context(self, model: int = 0) -> Context:
        """A row of jobs of a model. 0: that of the thread's mlos_sched_context(), or one of this handle's own."""
        return Context(Handle(call("context_create", self.handle.number, model), "context_close"))

    def run(self, job: Job, *, timeout: float = 0) -> Times:
        """Do a job in a context of its own, and wait for its end. Raises `JobFailed`."""
        with self.context() as context:
            return context.submit(job, timeout=timeout).wait()
