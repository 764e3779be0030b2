# SPDX-License-Identifier: Apache-2.0
"""The metrics zenith_cpu_*, in Prometheus' text format, from the telemetry of programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlos_dataplane.telemetry import Totals

PREFIX = "zenith_cpu_"


@dataclass(frozen=True)
class Sums:
    """What all programs did, and when that was read, in seconds of the monotonic clock."""

    time: float
    events: int = 0
    bytes: int = 0
    latency_sum: int = 0
    latency_max: int = 0
    allocations: int = 0
    deallocations: int = 0
    dropped: int = 0


def add_up(totals: Iterable[Totals], time: float) -> Sums:
    """The sums over several programs."""
    all_of_them = tuple(totals)
    names = ("events", "bytes", "latency_sum", "allocations", "deallocations", "dropped")
    sums = {name: sum(getattr(each, name) for each in all_of_them) for name in names}
    return Sums(time, latency_max=max((each.latency_max for each in all_of_them), default=0), **sums)


def exposition(start: float, before: Sums, now: Sums) -> str:
    """What Prometheus reads. Rates are between two readings; `start` is when the exporter began."""
    seconds = max(now.time - before.time, 1e-9)
    average = now.latency_sum / now.events / 1e3 if now.events else 0.0
    megabits = (now.bytes - before.bytes) * 8 / 1e6 / seconds
    metrics = (
        ("uptime_seconds", "gauge", "Seconds since the exporter began", now.time - start),
        ("events_total", "counter", "Events of work", now.events),
        ("bytes_total", "counter", "Bytes that were passed on", now.bytes),
        ("events_per_second", "gauge", "Events of work in a second, lately", (now.events - before.events) / seconds),
        ("throughput_mbps", "gauge", "Megabits that were passed on in a second, lately", megabits),
        ("latency_avg_microseconds", "gauge", "Mean latency of an event", average),
        ("latency_max_microseconds", "gauge", "Largest latency of an event", now.latency_max / 1e3),
        ("allocations_total", "counter", "Allocations", now.allocations),
        ("deallocations_total", "counter", "Deallocations", now.deallocations),
        ("events_dropped_total", "counter", "Events that found the ring full", now.dropped),
    )
    return "".join(
        f"# HELP {PREFIX}{name} {text}\n# TYPE {PREFIX}{name} {kind}\n{PREFIX}{name} {value}\n"
        for name, kind, text, value in metrics
    )
