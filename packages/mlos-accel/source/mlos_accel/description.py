# SPDX-License-Identifier: Apache-2.0
"""Everything that is known of one device, for people: `mlos-accel show`."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from mlos_accel.device import Device, Partitioning
from mlos_accel.health import counted
from mlos_accel.screen import Screen
from mlos_accel.units import celsius, percent, shown_state, size, watts

INDENT, LABEL = 3, 16
NAMED = {
    "vendor": "by its maker",
    "serial": "by its serial number",
    "place": "by what and where it is: in another slot it is another one",
}
Row = tuple[str, str]


def described(number: int, device: Device, screen: Screen) -> list[str]:
    """The lines: a heading, and a row for each thing that is known."""
    lines = [screen.styled(f"{number}  {device.name}", "bold")]
    for label, text in _rows(device):
        width = (screen.columns or 10**6) - INDENT - LABEL
        first, *more = wrap(text, max(width, 20), break_long_words=False) or [""]
        shown = screen.styled(first, device.health.state) if label == "health" else first
        lines.append(f"{' ' * INDENT}{screen.styled(label.ljust(LABEL), 'dim')}{shown}")
        lines += [" " * (INDENT + LABEL) + line for line in more]
    return lines


def _rows(device: Device) -> Iterator[Row]:
    yield "uuid", device.uuid
    yield "named", NAMED[device.uuid_source]
    yield "kind", device.kind
    if device.vendor and not device.declared:
        yield "vendor", device.vendor
    yield "driver", device.driver or "none has it"
    if device.address:
        node = "" if device.numa_node is None else f", NUMA node {device.numa_node}"
        yield "address", f"{device.address}{node}"
    if device.nodes:
        yield "nodes", " ".join(device.nodes)
    if device.shared_nodes:
        yield "with", " ".join(device.shared_nodes)
    if device.capabilities:
        yield "can", " ".join(device.capabilities)
    yield from _use(device)
    yield from _partitioning(device.partitioning)
    yield from _health(device)
    for key, value in device.details.items():
        yield key.replace("_", " "), value
    for note in device.notes:
        yield "note", note


def _use(device: Device) -> Iterator[Row]:
    """Memory, load, jobs and power."""
    if memory := _memory(device):
        yield "memory", memory
    load, jobs, power = device.load, device.jobs, device.power
    words: dict[str, object] = {
        f"{percent(load.busy_permille)} busy": load.busy_permille,
        f"{counted(load.queue_depth or 0, 'job')} in its queues": load.queue_depth,
        counted(load.queues or 0, "queue"): load.queues,
        f"worked {_seconds(load.busy_us)} so far": load.busy_us,
        f"slept {_seconds(load.idle_us)} so far": load.idle_us,
    }
    yield from _row("load", words)
    words = {
        f"{jobs.submitted} submitted": jobs.submitted,
        f"{jobs.done} done": jobs.done,
        f"{jobs.failed} failed": jobs.failed,
        counted(jobs.contexts or 0, "program"): jobs.contexts,
        f"model {jobs.model}": jobs.model or None,
    }
    yield from _row("jobs", words)
    words = {
        power.state or "": power.state,
        watts(power.milliwatts): power.milliwatts,
        f"at most {watts(power.limit_milliwatts)}": power.limit_milliwatts,
        celsius(power.temperature_millicelsius): power.temperature_millicelsius,
    }
    yield from _row("power", words)


def _memory(device: Device) -> str:
    memory = device.memory
    words = []
    if memory.total_bytes is not None:
        words.append(size(memory.total_bytes))
    if memory.used_bytes is not None:
        words.append(f"{size(memory.used_bytes)} used")
    if memory.place == "system":
        words.append("the machine's own")
    return ", ".join(words)


def _seconds(microseconds: int | None) -> str:
    return f"{(microseconds or 0) / 1e6:.1f} s"


def _row(label: str, words: dict[str, object]) -> Iterator[Row]:
    """Those words whose value is known, in one row."""
    known = [word for word, value in words.items() if value is not None]
    if known:
        yield label, ", ".join(known)


def _partitioning(parts: Partitioning) -> Iterator[Row]:
    """How it is divided, and its parts."""
    limit = parts.virtual_functions_limit
    modes = f" (can be {' '.join(parts.compute_modes)})" if parts.compute_modes else ""
    words: dict[str, object] = {
        f"MIG {'on' if parts.mig else 'off'}": parts.mig,
        "MPS runs": parts.mps or None,
        f"{parts.compute_mode}{modes}": parts.compute_mode,
        f"{parts.memory_mode}": parts.memory_mode,
        f"{parts.virtual_functions} of {limit} virtual functions": limit,
        f"a virtual function of {parts.physical_function}": parts.physical_function,
    }
    yield from _row("divided", words)
    for part in parts.partitions:
        known = (part.uuid, size(part.memory_bytes) if part.memory_bytes is not None else None, *part.nodes)
        yield "", f"{part.name}  " + "  ".join(word for word in known if word)


def _health(device: Device) -> Iterator[Row]:
    health = device.health
    yield "health", shown_state(device) + (f": {', '.join(health.reasons)}" if health.reasons else "")
    words: dict[str, object] = {
        f"{health.corrected_errors} corrected": health.corrected_errors,
        f"{health.uncorrected_errors} uncorrected": health.uncorrected_errors,
        f"{health.bus_errors_corrected} corrected on the bus": health.bus_errors_corrected,
        f"{health.bus_errors_uncorrected} uncorrected on the bus": health.bus_errors_uncorrected,
        counted(health.resets or 0, "reset"): health.resets,
    }
    yield from _row("errors", words)
