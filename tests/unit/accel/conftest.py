"""Machines that are written down, laid out as trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlos_accel.device import Device
from mlos_accel.inventory import Inventory, collect
from mlos_accel.tree import Tree

from tests.unit.accel import machines

Machine = Callable[[str], Path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Lay out a machine by its name; return its root."""
    return lambda name: machines.make(name, tmp_path / name)


@pytest.fixture
def inventory(machine: Machine) -> Callable[[str], Inventory]:
    """The inventory of a machine, which no probe may fail on."""

    def take(name: str) -> Inventory:
        taken = collect(Tree(machine(name)))
        assert taken.problems == ()
        return taken

    return take


@pytest.fixture
def device(inventory: Callable[[str], Inventory]) -> Callable[[str, str], Device]:
    """The device of a machine that has an address or a node."""

    def find(name: str, place: str) -> Device:
        (found,) = (each for each in inventory(name).devices if place in (each.address, *each.nodes))
        return found

    return find
