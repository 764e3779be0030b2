# SPDX-License-Identifier: Apache-2.0
"""Batches of samples from a process that reads them to another one, without a copy: in the blocks of a pool."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import partial

from mlos_dataplane.library import PeerLeft, ends_at, library, wait
from mlos_dataplane.opened import Opened
from mlos_dataplane.pool import Pool
from mlos_dataplane.reader import Batch, RawBatch, lend
from mlos_dataplane.ring import Consumer, Producer
from mlos_dataplane.samples import Samples, options_of


class Feed(Opened):
    """Who reads, into blocks of a pool, and passes their handles on through a ring of BATCH_MESSAGE bytes a message.

    When it is closed, pool and ring stay open.
    """

    def __init__(self, path: str | os.PathLike[str], samples: Samples, pool: Pool, ring: Producer) -> None:
        """Raises what `Reader` does, and OSError: EINVAL if blocks are smaller than `block_size(path, samples)`."""
        options, self._extents = options_of(samples)
        self._pool, self._ring = pool, ring  # both are in use until this is closed
        opened = library.dp_feed_open(os.fsencode(path), ctypes.byref(options), pool.handle(), ring.handle())
        super().__init__(opened, library.dp_feed_close, "the feed", os.fspath(path))
        self._batches: int = library.dp_feed_batches(self.handle())

    def __len__(self) -> int:
        """Batches in all, those that were skipped included."""
        return self._batches

    def step(self, timeout: float | None = None) -> bool:
        """Pass one batch on, and wait for room. Returns whether there was one.

        Raises `PeerDied`, `PeerLeft` (the batch is kept for a successor), BlockingIOError (timeout 0), TimeoutError.
        """
        return bool(wait(partial(library.dp_feed_step, self.handle()), ends_at(timeout)))

    def run(self) -> None:
        """Pass all batches on."""
        while self.step():
            pass


class BatchReceiver:
    """Who gets batches: an iterator, with the rule of `Batch` about their memory.

    It ends after the last batch. If the feed dies, or closes before that, `PeerDied` or `PeerLeft` is raised, and
    `next_batch` is what the next feed is to `skip`, so that every sample comes once.
    """

    def __init__(self, pool: Pool, ring: Consumer, next_batch: int = 0) -> None:
        self._pool, self._ring = pool, ring
        self._block = ctypes.c_ubyte * pool.block_size
        self.next_batch = next_batch
        self.batches: int | None = None
        """In all; not known before the first one came."""

    def __iter__(self) -> Iterator[Batch]:
        while self.batches is None or self.next_batch < self.batches:
            try:
                batch = self.receive()
            except PeerLeft:
                if self.batches is None or self.next_batch < self.batches:
                    raise
                return
            yield batch

    def receive(self, timeout: float | None = None) -> Batch:
        """The next batch. Raises `PeerDied`, `PeerLeft`, `Damaged`, BlockingIOError (timeout 0), TimeoutError.

        OSError: ESTALE if this batch went with its feed; then `next_batch` is it still.
        """
        raw, batches = RawBatch(), ctypes.c_uint64()
        receive = partial(
            library.dp_batch_receive,
            self._ring.handle(), self._pool.handle(), ctypes.byref(raw), ctypes.byref(batches),
        )  # fmt: skip
        wait(receive, ends_at(timeout))
        self.next_batch, self.batches = raw.number + 1, batches.value
        lent = self._pool.lend(raw.handle)
        return lend(raw, self._block.from_address(raw.data), lambda _raw: lent.give_back())
