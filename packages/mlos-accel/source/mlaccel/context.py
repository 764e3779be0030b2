# SPDX-License-Identifier: Apache-2.0
"""Contexts, to which jobs are given, and what becomes of them."""

from __future__ import annotations

import ctypes
import errno
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mlaccel import library
from mlaccel.job import Job
from mlaccel.library import Handle, Held, How, call

_FAILURES = {errno.ETIMEDOUT, errno.EIO, errno.ECANCELED, errno.ENODEV}


class JobFailed(OSError):
    """A job was not done: ETIMEDOUT took too long, EIO the device failed, ECANCELED taken back, ENODEV device gone."""


@dataclass(frozen=True)
class Times:
    """How long a job took, in seconds."""

    queued: float
    """From its submission until it began."""
    run: float


class Run:
    """A job that was given to a context."""

    def __init__(self, context: Handle, number: int, fence: int | None) -> None:
        self._context = context
        self.number = number
        """In its context, from 1."""
        self.fence = fence
        """A sync_file that happens when the job has ended, if one was asked for; it is the caller's to close."""

    def wait(self, timeout: float | None = None) -> Times:
        """Wait until it has ended; `timeout` is seconds, None for ever. Raises `JobFailed`; TimeoutError if it runs."""
        deadline = library.FOR_EVER if timeout is None else time.monotonic_ns() + max(0, round(timeout * 1e9))
        times = library.Times()
        while True:
            try:
                call("wait", self._context.number, self.number, deadline, ctypes.byref(times))
                return Times(times.queued_ns / 1e9, times.run_ns / 1e9)
            except InterruptedError:
                pass  # a signal: what Python does about it has been done now
            except OSError as error:
                if error.errno == errno.ETIME:
                    raise TimeoutError(error.errno, error.strerror) from None
                if error.errno in _FAILURES:
                    raise JobFailed(error.errno, error.strerror) from None
                raise

    def cancel(self) -> None:
        """Take it back. Raises OSError: EBUSY if it has begun."""
        call("cancel", self._context.number, self.number)


class Context(Held):
    """Jobs that run one after the other. When it and every `Run` of it is gone, what has not begun is taken back."""

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def submit(self, job: Job, *, timeout: float = 0, after: Sequence[int] = (), fence: bool = False) -> Run:
        """Give it a job. `timeout`: seconds that it may run, 0 for as long as the driver allows.

        It begins after the sync_files `after`; `fence` asks for one that happens when it has ended. Raises OSError:
        ENOTSUP for what the device cannot do, EPERM for writing to what is for reading only, EAGAIN if 1024 jobs wait.
        """
        done = ctypes.c_int(-1)
        how = How(
            timeout_ms=math.ceil(timeout * 1000),
            after_count=len(after),
            after=(ctypes.c_int * len(after))(*after),
            done=ctypes.pointer(done) if fence else None,
        )
        number = call("submit", self.handle.number, job.handle, ctypes.byref(how))
        return Run(self.handle, number, done.value if done.value >= 0 else None)
