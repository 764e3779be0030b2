# SPDX-License-Identifier: Apache-2.0
"""When a device is well: the same rules for every vendor."""

from __future__ import annotations

from dataclasses import replace

from mlos_accel.device import Health, State

WORST: tuple[State, ...] = ("unknown", "ok", "warning", "failed")


def judged(health: Health, *, driven: bool, failed: bool = False) -> Health:
    """Fill in the state.

    `failed` if the driver says so; else a warning if there are reasons for one or errors that could not be corrected.
    Corrected ones are no complaint: that is what the correction is for. Who has no driver tells nothing.
    """
    reasons = health.reasons
    if health.uncorrected_errors:
        reasons = (*reasons, counted(health.uncorrected_errors, "uncorrected error"))
    if health.bus_errors_uncorrected:
        reasons = (*reasons, counted(health.bus_errors_uncorrected, "uncorrected PCIe error"))
    state: State = "failed" if failed else "warning" if reasons else "ok" if driven else "unknown"
    return replace(health, state=state, reasons=reasons)


def worse(one: State, other: State) -> State:
    """The worse of two."""
    return max(one, other, key=WORST.index)


def counted(number: int, thing: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
