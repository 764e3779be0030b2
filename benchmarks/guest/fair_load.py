"""In the guest: what ordinary and real-time processes take, a line of JSON for each figure.

Nothing here asks for SCHED_ML, but for the last figure, and only if its launcher is given as an argument.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

REPEATS = 9
HACKBENCH = ("hackbench", "--groups=4", "--loops=100")
STRESS = ("stress-ng", "--quiet", "--seed", "4711", "--temp-path", "/tmp")
DURATIONS = {
    "hackbench, processes and pipes": (*HACKBENCH, "--pipe", "--process"),
    "hackbench, threads and pipes": (*HACKBENCH, "--pipe", "--threads"),
    "hackbench, processes and sockets": (*HACKBENCH, "--process", "--fds=20"),
    "stress-ng --switch": (*STRESS, "--switch", "2", "--switch-ops", "25000"),
    "stress-ng --fork": (*STRESS, "--fork", "2", "--fork-ops", "300"),
}
"""What is measured by the time that it takes. Processes that wake each other up fall into one order or another and keep
it, so each command runs several times and the median counts."""
CYCLICTEST = ("cyclictest", "--quiet", "--mlockall", "--nsecs", "--interval=1000", "--loops=5000")
WAKEUPS = {
    "cyclictest, priority 95": (*CYCLICTEST, "--priority=95"),
    "cyclictest, SCHED_OTHER": (*CYCLICTEST, "--policy=other"),
}
"""What measures itself: how late a thread wakes up."""
LATENCIES = re.compile(rb"Avg: *(\d+) Max: *(\d+)")
BUSY = ("stress-ng", "--quiet", "--cpu", "2", "--cpu-method", "int64", "--seed", "4711", "--temp-path", "/tmp")


@contextlib.contextmanager
def beside(command: Sequence[str]) -> Iterator[None]:
    """Let this run meanwhile."""
    running = subprocess.Popen(command, start_new_session=True)
    time.sleep(1)
    yield
    ended = running.poll()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    if ended is not None:
        raise SystemExit(f"{command[0]} ended with status {ended}")


def say(name: str, unit: str, figure: float) -> None:
    print(json.dumps({"name": name, "unit": unit, "figure": figure}), flush=True)


def durations(command: Sequence[str]) -> Iterator[float]:
    """Seconds that a command takes, each time."""
    for number in range(REPEATS):
        time.sleep(0.0137 * number)  # another place in the period of a tick
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield time.monotonic() - begin


def lateness(command: Sequence[str]) -> tuple[float, float]:
    """How late the thread woke up in microseconds, on average and at most."""
    said = subprocess.run(command, check=True, capture_output=True).stdout
    match = LATENCIES.search(said)
    if match is None:
        raise SystemExit(f"cyclictest said nothing of latencies: {said!r}")
    return int(match[1]) / 1000, int(match[2]) / 1000


def main() -> None:
    for command in (*DURATIONS.values(), *WAKEUPS.values()):  # brings the programs into memory
        subprocess.run([command[0], "--help"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, command in DURATIONS.items():
        taken = sorted(durations(command))
        print(f"# {name}: {' '.join(f'{each:.3f}' for each in taken)}", flush=True)
        say(name, "s", statistics.median(taken))
    with beside(BUSY):
        for name, command in WAKEUPS.items():
            average, longest = lateness(command)
            say(f"{name}, average", "us", average)
            say(f"{name}, longest", "us", longest)
    if launcher := sys.argv[1:]:
        with beside((*launcher, *BUSY)):
            average, longest = lateness(WAKEUPS["cyclictest, priority 95"])
        say("cyclictest beside SCHED_ML, average", "us", average)
        say("cyclictest beside SCHED_ML, longest", "us", longest)


main()
