"""libdataplane beside the best of Debian's C and C++ libraries, in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Ratio
from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-dataplane" / "source"
PROGRAMS = Path(__file__).with_name("dataplane")
BASELINES = ("g++", "libboost-dev", "libck-dev", "libglib2.0-dev", "libtbb-dev", "pkg-config")
"""Packages of the host: a compiler, Boost's spsc_queue, Concurrency Kit's ck_ring, GLib's GThreadPool, oneTBB."""
ONE_BY_ONE = "Concurrency Kit ck_ring"
"""The baseline that passes no batches."""
MESSAGES, ROUNDS = 5_000_000, 7
BAR = 1e9 / 43e6
"""Nanoseconds per message of 64 bytes, on two free cores."""
DEATH_BAR = 100.0
"""Milliseconds until the other side of a ring knows that a process was killed."""
TASKS, TASK_ROUNDS = 300_000, 7
TASK_KINDS = ("tasks, many", "tasks, one by one", "tasks, in parts")
"""One thread submits all and waits; it submits one and waits, again and again; tasks split themselves in two."""
EVENTS, TELEMETRY_BAR = 10_000, 191.0
"""Microseconds for so many events of telemetry."""


def data_plane(folder: Path) -> Iterator[Ratio]:
    """Nanoseconds per message in batches and one by one, and per task; microseconds for 10,000 events of telemetry."""
    build = folder / "data_plane"
    times = _rings(build)
    best = min(("boost::lockfree::spsc_queue", ONE_BY_ONE), key=times.__getitem__)
    yield Ratio("dataplane", times["dataplane"], times[best], best, "ns", "1.25")
    yield Ratio("dataplane", times["dataplane"], BAR, "43 million a second", "ns", "1")
    single = "dataplane, one by one"
    yield Ratio(single, times[single], times[ONE_BY_ONE], ONE_BY_ONE, "ns", "1.25")
    yield Ratio("death", _death(build) * 1e3, DEATH_BAR, "the bar", "ms", "1")
    telemetry = _telemetry(build)
    yield Ratio("telemetry", telemetry["dataplane"], telemetry["fprintf"], "fprintf to a file", "us", "1")
    yield Ratio("telemetry", telemetry["dataplane"], TELEMETRY_BAR, "the bar", "us", "1")
    tasks = _tasks(build)
    for kind, *times in zip(TASK_KINDS, *tasks.values(), strict=True):
        ours, *others = zip(tasks, times, strict=True)
        yield from (Ratio(f"{kind}", ours[1], theirs, name, "ns", "1.25") for name, theirs in others)


def _rings(folder: Path) -> dict[str, float]:
    """Nanoseconds per message of each ring."""
    subprocess.run(["apt-get", "install", "--yes", "-qq", "--no-install-recommends", *BASELINES], check=True, stdout=-3)
    shutil.copytree(SOURCE, folder)
    _run(["make", "--silent", "CFLAGS=-O2", "libdataplane.so.1"], folder)
    _run(["cc", "-O3", "-c", "-o", "kit.o", PROGRAMS / "concurrency_kit.c"], folder)
    _run(
        ["c++", "-O3", "-std=c++17", "-I.", "-o", "rings", PROGRAMS / "rings.cc", "kit.o", "libdataplane.so.1"], folder
    )
    return _table(_run(["./rings", str(MESSAGES), str(ROUNDS)], folder))


def _death(folder: Path) -> float:
    """Seconds from a kill until the other side knows, the longest of 20."""
    return float(_run([sys.executable, PROGRAMS / "death.py", "20"], folder))


def _telemetry(folder: Path) -> dict[str, float]:
    """Microseconds for the events, with the library that _rings() has compiled."""
    command = ["cc", "-O2", "-I.", "-o", "telemetry", PROGRAMS / "telemetry.c", "libdataplane.so.1"]
    _run(command, folder)
    return _table(_run(["./telemetry", folder / "telemetry.ring", str(EVENTS), str(100)], folder))


def _tasks(folder: Path) -> dict[str, list[float]]:
    """Nanoseconds per task of each pool of threads, ours first, in the order of TASK_KINDS."""
    flags = _run(["pkg-config", "--cflags", "--libs", "glib-2.0"], folder).split()
    command = ["c++", "-O2", "-std=c++20", "-I.", "-o", "workers", PROGRAMS / "workers.cc", "libdataplane.so.1"]
    _run([*command, *flags, "-ltbb"], folder)
    rows = (line.split("\t") for line in _run(["./workers", str(TASKS), str(TASK_ROUNDS)], folder).splitlines())
    return {name: [float(time) for time in times] for name, *times in rows}


def _table(said: str) -> dict[str, float]:
    return {name: float(time) for name, _, time in (line.partition("\t") for line in said.splitlines())}


def _run(command: Sequence[str | Path], folder: Path) -> str:
    """What a program prints, with the library in this folder."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout
