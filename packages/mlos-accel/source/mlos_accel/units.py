# SPDX-License-Identifier: Apache-2.0
"""Quantities as people read them. What is not known is a dash."""

from __future__ import annotations

from mlos_accel.device import Device, Memory

UNKNOWN = "-"
STEPS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(number: int | None) -> str:
    """`141.0 GiB`."""
    if number is None:
        return UNKNOWN
    amount, unit = _scaled(number)
    return f"{amount} {unit}"


def used(memory: Memory) -> str:
    """`51.3/141.0 GiB`, in the unit of the whole; one of the two where the other is not known."""
    if memory.total_bytes is None or memory.used_bytes is None:
        return size(memory.total_bytes) if memory.used_bytes is None else f"{size(memory.used_bytes)} used"
    whole, unit = _scaled(memory.total_bytes)
    return f"{memory.used_bytes / 1024 ** STEPS.index(unit):.1f}/{whole} {unit}"


def percent(permille: int | None) -> str:
    """`37%`."""
    return UNKNOWN if permille is None else f"{round(permille / 10)}%"


def watts(milliwatts: int | None) -> str:
    """`187 W`; below ten with a tenth."""
    if milliwatts is None:
        return UNKNOWN
    return f"{milliwatts / 1000:.1f} W" if 0 < milliwatts < 10_000 else f"{milliwatts / 1000:.0f} W"


def celsius(millicelsius: int | None) -> str:
    """`48 °C`."""
    return UNKNOWN if millicelsius is None else f"{millicelsius / 1000:.0f} °C"


def shown_state(device: Device) -> str:
    """Its state of health; of a device that is only declared, that."""
    return "declared" if device.declared else device.health.state


def _scaled(number: int) -> tuple[str, str]:
    """A number below 1024 with its unit."""
    step = next((n for n in range(len(STEPS)) if number < 1024 ** (n + 1)), len(STEPS) - 1)
    return (f"{number / 1024**step:.1f}" if step else str(number)), STEPS[step]
