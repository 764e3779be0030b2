"""read_samples.py FILE warm|cold ROUNDS: seconds to read all samples of an Arrow file, by pyarrow and by libdataplane.

Whoever reads adds up every byte, as 64-bit numbers, and must come to the same sum. What is shuffled arrives in batches,
each in one piece of memory, as a training loop wants it. In each round everybody has a turn; the median of the rounds
counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlos_dataplane as dataplane
import numpy as np
import pyarrow as pa
from pyarrow import dataset, ipc

SAMPLES, SIZE, BATCH = 2048, 224 * 224 * 3, 16
KIND = pa.binary(SIZE)
ORDER = np.random.default_rng(1).permutation(SAMPLES)


def write(path: str) -> None:
    """Random samples, in record batches of BATCH."""
    random = np.random.default_rng(0)
    schema = pa.schema([("image", KIND)])
    with pa.OSFile(path, "wb") as file, ipc.new_file(file, schema) as writer:
        for _ in range(SAMPLES // BATCH):
            content = pa.py_buffer(random.bytes(BATCH * SIZE))
            images = pa.FixedSizeBinaryArray.from_buffers(KIND, BATCH, [None, content])
            writer.write_batch(pa.record_batch([images], schema=schema))
        file.flush()
    os.sync()


def numbers(images: Any) -> np.ndarray[Any, Any]:
    """The bytes of an array of samples, without a copy."""
    return np.frombuffer(images.buffers()[1], np.uint64, len(images) * SIZE // 8, images.offset * SIZE)


def batches(file: Any) -> Iterator[Any]:
    reader = ipc.open_file(file)
    return (reader.get_batch(place).column(0) for place in range(reader.num_record_batches))


def memory_map(path: str) -> Iterator[Any]:
    with pa.memory_map(path) as file:
        yield from map(numbers, batches(file))


def plain_file(path: str) -> Iterator[Any]:
    with pa.OSFile(path) as file:
        yield from map(numbers, batches(file))


def scan(path: str) -> Iterator[Any]:
    for batch in dataset.dataset(path, format="ipc").to_batches():
        yield numbers(batch.column(0))


def take(path: str) -> Iterator[Any]:
    with pa.memory_map(path) as file:
        table = ipc.open_file(file).read_all()
        for place in range(0, SAMPLES, BATCH):
            for chunk in table.take(pa.array(ORDER[place : place + BATCH])).column(0).chunks:
                yield numbers(chunk)


def gather(path: str) -> Iterator[Any]:
    """What a careful programmer writes by hand: samples copied from the mapping into one batch that is used again."""
    room = np.empty((BATCH, SIZE // 8), np.uint64)
    with pa.memory_map(path) as file:
        parts = [numbers(batch).reshape(BATCH, -1) for batch in batches(file)]
        for place in range(0, SAMPLES, BATCH):
            for row, number in zip(room, ORDER[place : place + BATCH], strict=True):
                row[:] = parts[number // BATCH][number % BATCH]
            yield room.reshape(-1)


def index(path: str) -> list[tuple[int, int]]:
    """Where the samples are in the file."""
    with pa.memory_map(path) as file:
        start = file.read_buffer(1).address
        file.seek(0)
        places = [batch.buffers()[1].address - start for batch in batches(file)]
    return [(place + number * SIZE, SIZE) for place in places for number in range(BATCH)]


def ours(path: str, **more: Any) -> Iterator[Any]:
    with dataplane.Reader(path, dataplane.Samples(index=f"{path}.index", **more)) as reader:
        for batch in reader:
            yield np.frombuffer(batch.data, np.uint64)


READERS: dict[str, Callable[[str], Iterator[Any]]] = {
    "in order: pyarrow memory_map": memory_map,
    "in order: pyarrow OSFile": plain_file,
    "in order: pyarrow dataset": scan,
    "in order: dataplane": lambda path: ours(path, batch=BATCH),
    "shuffled: pyarrow take": take,
    "shuffled: gathered by hand": gather,
    "shuffled: dataplane": lambda path: ours(path, batch=BATCH, seed=1),
}


def measure(read: Callable[[str], Iterator[Any]], path: str, cold: bool) -> tuple[float, int]:
    """Seconds, and the sum."""
    if cold:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    start = time.perf_counter()
    total = sum(int(content.sum()) for content in read(path)) & (1 << 64) - 1
    return time.perf_counter() - start, total


def main(path: str, state: str, rounds: str) -> None:
    if not Path(path).exists():
        write(path)
        dataplane.write_index(f"{path}.index", path, index(path))
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in READERS}
    for _ in range(int(rounds)):
        for name, read in READERS.items():
            found[name].append(measure(read, path, state == "cold"))
    if len({total for times in found.values() for _, total in times}) != 1:
        raise SystemExit("not everybody read the same")
    for name, times in found.items():
        print(name, statistics.median(seconds for seconds, _ in times), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
