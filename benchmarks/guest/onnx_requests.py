"""In the guest: a process that finds speech in sound, a request for each window, and how long each took.

Says `ready` when the model is loaded, begins at the first line that it is sent, and ends with a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

import numpy
import onnxruntime

MODEL = "/bench/site/silero_vad/data/silero_vad.onnx"
RATE = 16_000
WINDOW, CONTEXT = 512, 64
"""Samples of a window, which is 32 ms of sound, and of the end of the one before, which the model gets with it."""
PERIOD = WINDOW / RATE
REQUESTS = 400
SEED = 4711


def session() -> onnxruntime.InferenceSession:
    """The model with one helping thread, so that there is a pool whose class counts, too."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


class Stream:
    """One stream of sound, and what the model remembers of it."""

    def __init__(self) -> None:
        self.model = session()
        self.state = numpy.zeros((2, 1, 128), numpy.float32)
        self.rate = numpy.array(RATE, numpy.int64)
        noise = numpy.random.default_rng(SEED).normal(0, 0.1, 64 * WINDOW)
        self.sound = noise.astype(numpy.float32)

    def window(self, number: int) -> float:
        """How likely there is speech in this window."""
        begin = number % 63 * WINDOW
        samples = self.sound[None, begin : begin + CONTEXT + WINDOW]
        found, self.state = self.model.run(None, {"input": samples, "state": self.state, "sr": self.rate})
        return float(found[0, 0])


def arrivals() -> list[float]:
    """When each window arrives, in seconds: every 32 ms on average, within half of that.

    At equal distances, each would meet the kernel's ticks at the same moment.
    """
    draw = random.Random(SEED)
    return [(number + draw.random() - 0.5) * PERIOD for number in range(1, REQUESTS + 1)]


def serve(stream: Stream) -> list[float]:
    """Seconds from the arrival of each request to its answer. Whoever is late with one is late with the next."""
    latencies = []
    start = time.monotonic()
    for number, arrival in enumerate(arrivals()):
        if (early := start + arrival - time.monotonic()) > 0:
            time.sleep(early)
        stream.window(number)
        latencies.append(time.monotonic() - start - arrival)
    return latencies


def main() -> None:
    stream = Stream()
    stream.window(0)
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.process_time()
    latencies = sorted(serve(stream))
    threads = [int(name) for name in os.listdir("/proc/self/task")]  # noqa: PTH208
    result = {
        "p50": latencies[REQUESTS // 2 - 1] * 1000,
        "p99": latencies[REQUESTS * 99 // 100 - 1] * 1000,
        "longest": latencies[-1] * 1000,
        "work": (time.process_time() - begin) / REQUESTS * 1000,
        "threads": len(threads),
        "policies": sorted({os.sched_getscheduler(thread) for thread in threads}),
    }
    print(json.dumps(result), flush=True)


main()
