# SPDX-License-Identifier: Apache-2.0
"""The inventory in Prometheus' text format. What is not known has no sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlos_accel.device import Device
from mlos_accel.inventory import PROBES, Inventory

PREFIX = "mlos_accel_"
HEALTH = {"ok": 1, "warning": 0, "failed": 0}
Value = float | int | None


@dataclass(frozen=True)
class Metric:
    """One name with a sample for each device that knows it."""

    name: str
    kind: str
    help: str
    value: Callable[[Device], Value]


def _by(value: Value, whole: float) -> Value:
    return None if value is None else value / whole


METRICS = (
    Metric("memory_total_bytes", "gauge", "Memory of the device", lambda d: d.memory.total_bytes),
    Metric("memory_used_bytes", "gauge", "Memory in use", lambda d: d.memory.used_bytes),
    Metric("busy_ratio", "gauge", "Part of the last second that it worked", lambda d: _by(d.load.busy_permille, 1e3)),
    Metric("busy_seconds_total", "counter", "Time in which it worked", lambda d: _by(d.load.busy_us, 1e6)),
    Metric("idle_seconds_total", "counter", "Time in which it slept", lambda d: _by(d.load.idle_us, 1e6)),
    Metric("queue_depth", "gauge", "Jobs that wait or run", lambda d: d.load.queue_depth),
    Metric("jobs_submitted_total", "counter", "Jobs that it was given", lambda d: d.jobs.submitted),
    Metric("jobs_done_total", "counter", "Jobs that were done", lambda d: d.jobs.done),
    Metric("jobs_failed_total", "counter", "Jobs that failed", lambda d: d.jobs.failed),
    Metric("contexts", "gauge", "Programs that have it open", lambda d: d.jobs.contexts),
    Metric("power_watts", "gauge", "Power that it takes", lambda d: _by(d.power.milliwatts, 1e3)),
    Metric("power_limit_watts", "gauge", "Power that it may take", lambda d: _by(d.power.limit_milliwatts, 1e3)),
    Metric("temperature_celsius", "gauge", "Its temperature", lambda d: _by(d.power.temperature_millicelsius, 1e3)),
    Metric("healthy", "gauge", "1: in order, 0: see `mlos-accel show`", lambda d: HEALTH.get(d.health.state)),
    Metric("errors_corrected_total", "counter", "Errors that were corrected", lambda d: d.health.corrected_errors),
    Metric("errors_uncorrected_total", "counter", "Errors that were not", lambda d: d.health.uncorrected_errors),
    Metric("bus_errors_corrected_total", "counter", "The same on its bus", lambda d: d.health.bus_errors_corrected),
    Metric("bus_errors_uncorrected_total", "counter", "The same on its bus", lambda d: d.health.bus_errors_uncorrected),
    Metric("resets_total", "counter", "How often it was reset", lambda d: d.health.resets),
)  # fmt: skip


def exposition(inventory: Inventory) -> str:
    """What Prometheus reads."""
    return "".join(f"{line}\n" for line in _lines(inventory))


def _lines(inventory: Inventory) -> Iterator[str]:
    yield from _heading("device_info", "gauge", "A device; its labels say which one")
    for device in inventory.devices:
        labels = {
            "uuid": device.uuid,
            "name": device.name,
            "vendor": device.vendor,
            "kind": device.kind,
            "driver": device.driver or "",
            "address": device.address or "",
            "declared": str(device.declared).lower(),
        }
        yield _sample("device_info", labels, 1)
    for metric in METRICS:
        values = [(device.uuid, metric.value(device)) for device in inventory.devices]
        known = [(uuid, value) for uuid, value in values if value is not None]
        if known:
            yield from _heading(metric.name, metric.kind, metric.help)
            yield from (_sample(metric.name, {"uuid": uuid}, value) for uuid, value in known)
    yield from _heading("probe_failed", "gauge", "1: a way to find devices does not work")
    failed = {problem.probe for problem in inventory.problems}
    yield from (_sample("probe_failed", {"probe": probe}, int(probe in failed)) for probe in PROBES)


def _heading(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"


def _sample(name: str, labels: dict[str, str], value: Value) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{PREFIX}{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
