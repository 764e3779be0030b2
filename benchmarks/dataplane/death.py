"""death.py ROUNDS: seconds from the kill of a producer until its sleeping consumer knows; the longest of the rounds."""

from __future__ import annotations

import os
import signal
import sys
import time

import mlos_dataplane as dataplane

ASLEEP = 0.1
"""Seconds after which a consumer without messages surely sleeps."""


def produce(file: int) -> None:
    with dataplane.Producer(file) as ring:
        ring.push(bytes(8))
        time.sleep(3600)


def kill_later(producer: int, says: int) -> None:
    time.sleep(ASLEEP)
    when = time.monotonic()
    os.kill(producer, signal.SIGKILL)
    os.write(says, str(when).encode())


def measure() -> float:
    """Seconds of one round."""
    file = dataplane.create_ring(None, 8, 8)
    told, says = os.pipe()
    producer = os.fork()
    if producer == 0:
        produce(file)
    with dataplane.Consumer(file) as ring:
        ring.pop()
        killer = os.fork()
        if killer == 0:
            kill_later(producer, says)
            os._exit(0)
        try:
            ring.pop()
        except dataplane.PeerDied:
            noticed = time.monotonic()
    for child in (producer, killer):
        os.waitpid(child, 0)
    killed = float(os.read(told, 100))
    for each in (file, told, says):
        os.close(each)
    return noticed - killed


if __name__ == "__main__":
    print(max(measure() for _ in range(int(sys.argv[1]))))
