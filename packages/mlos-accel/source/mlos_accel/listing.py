# SPDX-License-Identifier: Apache-2.0
"""The table of `mlos-accel list`: a line for each device, in the width that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlos_accel.device import Device
from mlos_accel.screen import Screen, cut
from mlos_accel.units import UNKNOWN, percent, shown_state, used

GAP = 2
SHORTEST_NAME = 26
"""Columns below which a name does not go before other columns do."""
FEWEST = 3
"""Columns that are never left out."""


@dataclass(frozen=True)
class Column:
    """What one column shows; those of low `rank` go first where the lines would be too long."""

    title: str
    text: Callable[[Device], str]
    rank: int
    right: bool = False


NAME = Column("NAME", lambda device: device.name, 9)
COLUMNS = (
    Column("KIND", lambda device: device.kind, 3),
    NAME,
    Column("ADDRESS", lambda device: device.address or UNKNOWN, 4),
    Column("NUMA", lambda device: str(device.numa_node if device.numa_node is not None else UNKNOWN), 1, right=True),
    Column("MEMORY", lambda device: used(device.memory), 5, right=True),
    Column("LOAD", lambda device: percent(device.load.busy_permille), 6, right=True),
    Column("HEALTH", shown_state, 8),
)


def table(devices: Sequence[Device], screen: Screen) -> list[str]:
    """The lines, with a heading."""
    columns, widths = _fitting(devices, screen.columns)
    number = len(str(max(len(devices) - 1, 0)))
    lines = [screen.styled(_line("#".rjust(number), [c.title for c in columns], columns, widths), "bold")]
    for index, device in enumerate(devices):
        cells = [cut(c.text(device), width, unicode=screen.unicode) for c, width in zip(columns, widths, strict=True)]
        line = _line(str(index).rjust(number), cells, columns, widths)
        state = shown_state(device)  # the last word of the line, since its column comes last and never goes
        lines.append(line.removesuffix(state) + screen.styled(state, state))
    return lines


def _line(number: str, cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if column.right else cell.ljust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return (" " * GAP).join([number, *padded]).rstrip()


def _fitting(devices: Sequence[Device], limit: int | None) -> tuple[list[Column], list[int]]:
    """The columns that there is room for and their widths.

    One in which nothing is known is left out. Names give way first, then columns, then names again.
    """
    columns = [c for c in COLUMNS if any(c.text(device) != UNKNOWN for device in devices)]
    while True:
        widths = [max(len(c.title), *(len(c.text(device)) for device in devices)) for c in columns]
        names = columns.index(NAME)
        over = len(str(len(devices) - 1)) + sum(widths) + GAP * len(columns) - (limit or 10**6)
        if over <= 0 or widths[names] - over >= SHORTEST_NAME or len(columns) <= FEWEST:
            widths[names] = max(widths[names] - max(over, 0), len(NAME.title))
            return columns, widths
        columns.remove(min(columns, key=lambda column: column.rank))
