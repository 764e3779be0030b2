# SPDX-License-Identifier: Apache-2.0
"""Messages between processes of one machine through shared memory. See dataplane(3).

    import mlos_dataplane as dataplane

    dataplane.create_ring("/dev/shm/samples", message_size=64, capacity=4096)
    with dataplane.Producer("/dev/shm/samples") as samples:   # in one process
        samples.push(bytes(64))
    with dataplane.Consumer("/dev/shm/samples") as samples:   # in another one
        for message in samples:
            ...

Samples of a file, for training, in batches that are read ahead:

    with dataplane.Reader("train.bin", dataplane.Samples(record_size=4096, batch=64, seed=1)) as reader:
        for batch in reader:
            images = batch.array("f4", (32, 32))

Timeouts are seconds, None waits for as long as it takes. What the library refuses raises OSError or a kind of it.
"""

from mlos_dataplane.feed import BatchReceiver, Feed
from mlos_dataplane.library import BatchesInUse, Damaged, DataplaneError, OtherVersion, PeerDied, PeerLeft
from mlos_dataplane.pool import Pool, create_pool
from mlos_dataplane.reader import Batch, Reader, ReaderStat
from mlos_dataplane.ring import Consumer, Peer, Producer, QueueConsumer, QueueProducer, create_queue, create_ring
from mlos_dataplane.samples import Cache, Samples, block_size, write_index
from mlos_dataplane.telemetry import Kind, TelemetryReader, TelemetryWriter, Totals, create_telemetry

__all__ = [
    "Batch", "BatchReceiver", "BatchesInUse", "Cache", "Consumer", "Damaged", "DataplaneError", "Feed", "Kind",
    "OtherVersion", "Peer", "PeerDied", "PeerLeft", "Pool", "Producer", "QueueConsumer", "QueueProducer", "Reader",
    "ReaderStat", "Samples", "TelemetryReader", "TelemetryWriter", "Totals", "block_size", "create_pool",
    "create_queue", "create_ring", "create_telemetry", "write_index",
]  # fmt: skip
