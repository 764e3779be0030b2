"""Rings and queues of libdataplane against a plain list, by hypothesis. Run as a program: it needs the module's path.

python dataplane_machine.py [EXAMPLES]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import mlos_dataplane as dataplane
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

SIZE = 16


def message(number: int) -> bytes:
    return number.to_bytes(8, "little") * 2


class Passing(RuleBasedStateMachine):
    """One producer and one consumer, which come, go and are replaced."""

    create: Callable[[str | None, int, int], int]
    producer_kind: type[dataplane.Producer]
    consumer_kind: type[dataplane.Consumer]

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[bytes] = []
        self.next = 0
        self.producer: dataplane.Producer | None = None
        self.consumer: dataplane.Consumer | None = None
        self.producer_was_there = False

    @initialize(shift=st.integers(0, 4))
    def make(self, shift: int) -> None:
        self.capacity = 1 << shift
        self.file = type(self).create(None, SIZE, self.capacity)

    @precondition(lambda self: self.producer is None)
    @rule()
    def producer_comes(self) -> None:
        self.producer = self.producer_kind(self.file)
        self.producer_was_there = True

    @precondition(lambda self: self.consumer is None)
    @rule()
    def consumer_comes(self) -> None:
        self.consumer = self.consumer_kind(self.file)

    @precondition(lambda self: self.producer is not None)
    @rule()
    def producer_leaves(self) -> None:
        assert self.producer is not None
        self.producer.close()
        self.producer = None

    @precondition(lambda self: self.consumer is not None)
    @rule()
    def consumer_leaves(self) -> None:
        assert self.consumer is not None
        self.consumer.close()
        self.consumer = None

    @precondition(lambda self: self.producer is not None)
    @rule(count=st.integers(1, 20))
    def push(self, count: int) -> None:
        assert self.producer is not None
        messages = [message(self.next + i) for i in range(count)]
        room = self.capacity - len(self.inside)
        try:
            written = self.producer.push(b"".join(messages), timeout=0)
        except (BlockingIOError, dataplane.PeerLeft):
            written = 0
        assert written == min(room, count)
        self.inside += messages[:written]
        self.next += written

    @precondition(lambda self: self.consumer is not None)
    @rule(room=st.integers(1, 20))
    def pop(self, room: int) -> None:
        assert self.consumer is not None
        try:
            got = self.consumer.pop(room, timeout=0)
        except BlockingIOError:
            assert not self.inside
            assert self.producer is not None or not self.producer_was_there
        except dataplane.PeerLeft:
            assert not self.inside
            assert self.producer is None
        else:
            expected, self.inside = self.inside[:room], self.inside[room:]
            assert got == b"".join(expected)

    def teardown(self) -> None:
        for side in (self.producer, self.consumer):
            if side is not None:
                side.close()
        if hasattr(self, "file"):
            os.close(self.file)


class Ring(Passing):
    create = staticmethod(dataplane.create_ring)
    producer_kind, consumer_kind = dataplane.Producer, dataplane.Consumer


class Queue(Passing):
    create = staticmethod(dataplane.create_queue)
    producer_kind, consumer_kind = dataplane.QueueProducer, dataplane.QueueConsumer


if __name__ == "__main__":
    chosen = settings(max_examples=int(sys.argv[1]), stateful_step_count=40, deadline=None, database=None)
    for machine in (Ring, Queue):
        run_state_machine_as_test(machine, settings=chosen)
        print(machine.__name__)
