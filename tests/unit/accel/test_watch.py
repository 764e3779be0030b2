"""The live view's picture, loads made of counters, and the kernel's messages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from mlos_accel import uevents
from mlos_accel.device import Device, Load
from mlos_accel.frame import frame
from mlos_accel.inventory import Inventory, Problem
from mlos_accel.rates import History, between
from mlos_accel.screen import Screen

from tests.unit.accel import machines

Take = Callable[[str], Inventory]
ANYTHING = re.compile(r"\x1b\[\d*m")


def seen(inventory: Inventory, readings: int = 3) -> History:
    history = History(200)
    for second in range(readings):
        history.add(inventory, second)
    return history


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("rows", [5, 12, 24, 60])
@pytest.mark.parametrize("name", machines.NAMES)
def test_a_picture_fits_every_screen(name: str, columns: int, rows: int, inventory: Take) -> None:
    taken = inventory(name)
    for colour, first in itertools.product((False, True), range(len(taken.devices))):
        screen = Screen(columns=columns, colour=colour)
        lines = frame(taken, seen(taken), screen, rows, first=first, heading="box  12:00:00")
        assert len(lines) <= rows
        plain = [ANYTHING.sub("", line) for line in lines]
        assert max(map(len, plain)) <= columns
        assert plain[0].endswith("q quits")
        assert any(taken.devices[first].name[:20] in line for line in plain), "that from which it begins is there"


def test_bars_show_load_and_memory(inventory: Take) -> None:
    taken = inventory("hub")
    lines = frame(taken, seen(taken), Screen(columns=80), 40)
    start = next(n for n, line in enumerate(lines) if "accel-sim" in line)
    assert lines[start + 1] == "     load  █████████░░░░░░░░░░░░░░  41%               ▃▃▃"
    assert lines[start + 2] == "     mem   █░░░░░░░░░░░░░░░░░░░░░░  1.0/256.0 MiB"
    npu = next(n for n, line in enumerate(lines) if "XDNA" in line)
    assert lines[npu + 1] == "", "of what nobody tells there is no bar"


def test_a_terminal_without_unicode_gets_none(inventory: Take) -> None:
    for name in machines.NAMES:
        taken = inventory(name)
        text = "".join(frame(taken, seen(taken), Screen(columns=60, unicode=False), 40))
        assert text.replace("°", "").isascii()


def test_what_does_not_fit_is_counted(inventory: Take) -> None:
    taken = inventory("training")
    assert "1 to 3 of 8" in frame(taken, seen(taken), Screen(columns=80), 8)[0]
    assert "5 to 7 of 8" in frame(taken, seen(taken), Screen(columns=80), 8, first=4)[0]


def test_an_empty_machine_and_a_broken_probe_are_shown() -> None:
    lines = frame(Inventory((), (Problem("amd", "of another version"),)), History(5), Screen(columns=80), 24)
    assert "no accelerator" in lines[2]
    assert lines[-1] == "amd: of another version"


@pytest.mark.parametrize(
    ("before", "after", "seconds", "permille"),
    [
        (Load(), Load(busy_permille=370), 1, 370),
        (Load(busy_us=1_000_000), Load(busy_us=1_250_000), 0.5, 500),
        (Load(idle_us=1_000_000), Load(idle_us=1_750_000), 1, 250),
        (Load(busy_us=5_000_000), Load(busy_us=0), 1, 0),
        (Load(busy_us=0), Load(busy_us=1_001_000), 1, 1000),
        (Load(), Load(busy_us=1_000), 1, None),
        (Load(busy_us=0), Load(busy_us=1_000), 0, None),
        (Load(), Load(), 1, None),
    ],
)
def test_two_readings_of_a_counter_make_a_load(before: Load, after: Load, seconds: float, permille: int | None) -> None:
    assert between(before, after, seconds) == permille


def test_a_device_that_went_is_forgotten() -> None:
    def one(uuid: str) -> Inventory:
        load = Load(busy_permille=5)
        return Inventory((Device(uuid=uuid, uuid_source="place", probe="hub", load=load),), ())

    history = History(2)
    for second, uuid in enumerate(["a", "a", "a", "b"]):
        history.add(one(uuid), second)
    assert history.of("a") == ()
    assert history.of("b") == (5,)
    for second in range(4, 9):
        history.add(one("b"), second)
    assert history.of("b") == (5, 5)


@pytest.mark.parametrize(
    ("message", "about"),
    [
        (b"add@/devices/platform/accel_sim.0/accel/accel0\0ACTION=add\0SUBSYSTEM=accel\0SEQNUM=9\0", True),
        (b"change@/devices/x\0ACTION=change\0SUBSYSTEM=accel_hub\0", True),
        (b"add@/devices/pci0000:00/0000:00:1f.2/ata1\0ACTION=add\0SUBSYSTEM=ata_port\0", False),
        (b"", False),
        (b"libudev\0\xfe\xed\xca\xfe", False),
    ],
)
def test_messages_about_other_devices_change_nothing(message: bytes, about: bool) -> None:
    assert uevents.is_about_accelerators(message) == about


def test_messages_are_read_until_none_is_left() -> None:
    import socket

    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, kernel:
        ours.setblocking(False)
        kernel.send(b"add@/x\0SUBSYSTEM=drm\0")
        kernel.send(b"add@/x\0SUBSYSTEM=block\0")
        assert uevents.drained(ours)
        assert not uevents.drained(ours)
