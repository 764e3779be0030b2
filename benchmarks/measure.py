"""A measured thing beside its baseline, and the table of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""Of <linux/prctl.h>: processes whose parent ends fall to us (prctl(2))."""


@dataclass(frozen=True)
class Ratio:
    """`measured` over `baseline`, both in `unit`; `bar` is what the ratio or the measured value should stay below."""

    name: str
    measured: float
    baseline: float
    baseline_name: str
    unit: str
    bar: str

    def __str__(self) -> str:
        ratio = self.measured / self.baseline
        return (
            f"{self.name:10} {ratio:8.3f}  = {self.measured:8.2f} {self.unit} / {self.baseline:8.2f} {self.unit}"
            f"  {self.baseline_name}; bar: {self.bar}"
        )


@dataclass
class Cost:
    """What something took: seconds on the clock, and seconds of processors in its programs."""

    clock: float = 0.0
    processors: float = 0.0


@contextlib.contextmanager
def cost() -> Iterator[Cost]:
    """Measure the block. Other work on the machine shows in the clock and hardly in the processors' time.

    bubblewrap does not wait for the first process of its sandbox. Only if that falls to us do its programs count here.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spent = Cost()
    start, before = time.monotonic(), _processor_seconds()
    yield spent
    spent.clock = time.monotonic() - start
    _reap()
    spent.processors = _processor_seconds() - before


def _reap() -> None:
    """Wait for what fell to us; every program of ours has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(command: Sequence[str | Path], *, cwd: Path, repeat: int = 1) -> float:
    """The shortest of `repeat` runs of a command, in seconds; its output is dropped."""
    times = []
    for _ in range(repeat):
        start = time.monotonic()
        subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - start)
    return min(times)


def peak_mebibytes(command: Sequence[str | Path]) -> float:
    """The largest resident size of a command run in this folder, in MiB."""
    pid = os.posix_spawnp(str(command[0]), [str(word) for word in command], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), list(map(str, command)))
    return usage.ru_maxrss / 1024
