# SPDX-License-Identifier: Apache-2.0
"""What `mlos-accel watch` shows: one picture of the inventory, of as many lines as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from mlos_accel.device import Device
from mlos_accel.inventory import Inventory
from mlos_accel.rates import WHOLE, History
from mlos_accel.screen import Screen, cut
from mlos_accel.units import UNKNOWN, celsius, percent, shown_state, used, watts

LEFT = "     "
VALUE = 18
"""Columns of what stands behind a bar."""
GRAPH = " ▁▂▃▄▅▆▇█"
ASCII_GRAPH = " .:-=+*#@"


def frame(
    inventory: Inventory, history: History, screen: Screen, rows: int, *, first: int = 0, heading: str = ""
) -> list[str]:
    """At most `rows` lines, none longer than the screen: devices from number `first` on."""
    columns = screen.columns or 80
    blocks = [
        [*_device(index, device, history.of(device.uuid), columns, screen), ""]
        for index, device in enumerate(inventory.devices)
    ]
    problems = [screen.styled(cut(f"{p.probe}: {p.message}", columns), "warning") for p in inventory.problems]
    last = _last(blocks, first, rows - 2 - len(problems))
    if last - first < len(blocks):
        heading = f"{heading}  {first + 1} to {last} of {len(blocks)}: j, k"
    lines = [_top(heading, columns, screen), "", *(line for block in blocks[first:last] for line in block)]
    if not blocks:
        lines += ["no accelerator; one that is plugged in appears here", ""]
    return [*lines, *problems][:rows]


def _last(blocks: Sequence[Sequence[str]], first: int, room: int) -> int:
    """The end of those that there is room for, at least of one."""
    end = first
    while end < len(blocks) and (end == first or len(blocks[end]) - 1 <= room):
        room -= len(blocks[end])
        end += 1
    return end


def _top(heading: str, columns: int, screen: Screen) -> str:
    keys = "q quits"
    text = cut(f"mlos-accel  {heading}", columns - len(keys) - 1, unicode=screen.unicode)
    return screen.styled(text.ljust(columns - len(keys)) + keys, "bold")


def _device(index: int, device: Device, past: Sequence[int | None], columns: int, screen: Screen) -> list[str]:
    """A line of who it is; one each of its load and its memory, where they are known."""
    state = shown_state(device)
    place = f"{device.kind}  {device.address}" if device.address else device.kind
    room = columns - len(LEFT) - len(place) - len(state) - 4
    name = cut(device.name, room, unicode=screen.unicode).ljust(room)
    lines = [f"{index:>3}  {screen.styled(name, 'bold')}  {place}  {screen.styled(state, state)}"]
    width = (columns - len(LEFT) - VALUE - 10) // 2
    if any(load is not None for load in past):
        bar = _bar(past[-1], width, screen)
        lines.append(f"{LEFT}load  {bar}  {percent(past[-1]):<{VALUE}}{_graph(past, width, screen)}".rstrip())
    memory, heat = device.memory, cut(_heat(device), width)
    if memory.total_bytes or memory.used_bytes is not None or heat:
        part = None
        if memory.total_bytes and memory.used_bytes is not None:
            part = round(memory.used_bytes / memory.total_bytes * WHOLE)
        lines.append(f"{LEFT}mem   {_bar(part, width, screen)}  {used(memory):<{VALUE}}{heat}".rstrip())
    return lines


def _heat(device: Device) -> str:
    """Temperature and power."""
    power = device.power
    words = celsius(power.temperature_millicelsius), watts(power.milliwatts)
    return "  ".join(word for word in words if word != UNKNOWN)


def _bar(permille: int | None, width: int, screen: Screen) -> str:
    full, empty = ("█", "░") if screen.unicode else ("#", ".")
    if permille is None:
        return screen.styled(empty * width, "dim")
    filled = min(width, round(width * permille / WHOLE)) or int(permille > 0)
    style = "failed" if permille > 950 else "warning" if permille > 800 else "ok"
    return screen.styled(full * filled, style) + screen.styled(empty * (width - filled), "dim")


def _graph(past: Sequence[int | None], width: int, screen: Screen) -> str:
    marks = GRAPH if screen.unicode else ASCII_GRAPH
    steps = len(marks) - 1
    return "".join(marks[0 if load is None else round(load * steps / WHOLE)] for load in past[-width:])
