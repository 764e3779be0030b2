"""feed_death.py FILE ROUNDS: seconds until one side of a feed knows that the other was killed; the longest of all.

First for a receiver that waits for a feed, then for a feed that waits for room.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import mlos_dataplane as dataplane

ASLEEP = 0.1
"""Seconds after which whoever waits surely sleeps."""
SAMPLES = dataplane.Samples(batch=4, record_size=4096, records=4096)


def feed(path: str, pool: int, ring: int, batches: int) -> None:
    """Pass on so many batches, and then nothing; -1: until there is no room."""
    with dataplane.Feed(path, SAMPLES, dataplane.Pool(pool), dataplane.Producer(ring)) as made:
        while batches and made.step():
            batches -= 1
        time.sleep(3600)


def receive(pool: int, ring: int, batches: int) -> None:
    """Receive so many batches, and then nothing; -1: until none comes any more."""
    receiver = dataplane.BatchReceiver(dataplane.Pool(pool), dataplane.Consumer(ring))
    while batches:
        receiver.receive()
        batches -= 1
    time.sleep(3600)


def measure(survivor: Callable[[int, int], None], victim: Callable[[int, int], None], block: int) -> float:
    """Seconds from the kill of one until the other one knows."""
    pool, ring = dataplane.create_pool(None, block, 16), dataplane.create_ring(None, 64, 4)
    doomed = os.fork()
    if doomed == 0:
        victim(pool, ring)
    told, says = os.pipe()
    killer = os.fork()
    if killer == 0:
        time.sleep(ASLEEP)
        when = time.monotonic()
        os.kill(doomed, signal.SIGKILL)
        os.write(says, str(when).encode())
        os._exit(0)
    try:
        survivor(pool, ring)
    except dataplane.PeerDied:
        noticed = time.monotonic()
    for child in (doomed, killer):
        os.waitpid(child, 0)
    killed = float(os.read(told, 100))
    for each in (pool, ring, told, says):
        os.close(each)
    return noticed - killed


def main(path: str, rounds: str) -> None:
    block = dataplane.block_size(path, SAMPLES)
    cases: tuple[tuple[Callable[[int, int], None], Callable[[int, int], None]], ...] = (
        (lambda pool, ring: receive(pool, ring, -1), lambda pool, ring: feed(path, pool, ring, 3)),
        (lambda pool, ring: feed(path, pool, ring, -1), lambda pool, ring: receive(pool, ring, 3)),
    )
    for survivor, victim in cases:
        print(max(measure(survivor, victim, block) for _ in range(int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
