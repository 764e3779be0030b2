# SPDX-License-Identifier: Apache-2.0
"""All accelerators of a machine, each once, whoever found it."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlos_accel.device import KINDS, Device, Health
from mlos_accel.errors import NoSuchDevice
from mlos_accel.health import worse
from mlos_accel.tree import Tree, natural

PROBES = ("hub", "nvidia", "amd", "intel", "drm_accel", "edge_tpu", "fake")
"""Modules of `mlos_accel.probes`. Where two of them find the same device, the first one's words hold."""


@dataclass(frozen=True)
class Problem:
    """A probe that could not do its work; the others did theirs."""

    probe: str
    message: str


@dataclass(frozen=True)
class Inventory:
    """The devices in the order of the list, and what went wrong."""

    devices: tuple[Device, ...]
    problems: tuple[Problem, ...]


def collect(tree: Tree | None = None, probes: Sequence[str] = PROBES) -> Inventory:
    """Ask all probes about the running machine, or about the one in a tree."""
    tree = tree or Tree()
    found: list[Device] = []
    problems: list[Problem] = []
    for name in probes:
        devices, problem = _asked(name, tree)
        found = _joined(found, devices)
        if problem:
            problems.append(problem)
    return Inventory(tuple(sorted(_apart(map(_named, found)), key=_order)), tuple(problems))


def _asked(name: str, tree: Tree) -> tuple[list[Device], Problem | None]:
    """What a probe found, up to the point at which it failed."""
    found: list[Device] = []
    try:
        for device in importlib.import_module(f"mlos_accel.probes.{name}").probe(tree):
            found.append(device)  # one by one: what it found before it failed is kept
    except Exception as error:  # a driver or a library that misbehaves must not hide everybody else's devices
        return found, Problem(name, f"{type(error).__name__}: {error}" if not str(error) else str(error))
    return found, None


def _joined(known: list[Device], devices: Iterable[Device]) -> list[Device]:
    """Both, with what is in both told once."""
    result = list(known)
    for device in devices:
        twin = next((n for n, each in enumerate(known) if _same(each, device)), None)
        if twin is None:
            result.append(device)
        else:
            result[twin] = _under_its_own_name(_filled(result[twin], device), device)
    return result


def _under_its_own_name(joined: Device, second: Device) -> Device:
    """A name that moves with the device is better than one by its place, whoever knows it."""
    if joined.uuid_source != "place" or second.uuid_source == "place":
        return joined
    return dataclasses.replace(joined, uuid=second.uuid, uuid_source=second.uuid_source)


def _same(one: Device, other: Device) -> bool:
    """Whether two probes mean one device: they name a node of its own both, or, where one names none, its address."""
    if one.nodes and other.nodes:
        return bool(set(one.nodes) & set(other.nodes))
    return one.address is not None and one.address == other.address


def _filled(first: Any, second: Any) -> Any:
    """The first one, with the second one's word for what it does not know."""
    if isinstance(first, Health) and isinstance(second, Health):
        state = worse(first.state, second.state)
        reasons = tuple(dict.fromkeys((*first.reasons, *second.reasons)))
        return dataclasses.replace(_fields_filled(first, second), state=state, reasons=reasons)
    if dataclasses.is_dataclass(first):
        return _fields_filled(first, second)
    if isinstance(first, dict):
        return {**second, **first}
    return second if first in (None, "", (), "other") else first


def _fields_filled(first: Any, second: Any) -> Any:
    values = {
        field.name: _filled(getattr(first, field.name), getattr(second, field.name))
        for field in dataclasses.fields(first)
        if field.name not in {"probe", "uuid", "uuid_source", "declared"}
    }
    return dataclasses.replace(first, **values)


def _named(device: Device) -> Device:
    """A device that nobody has a name for is called as its driver is."""
    return device if device.name else dataclasses.replace(device, name=device.driver or device.uuid)


def _apart(devices: Iterable[Device]) -> Iterator[Device]:
    """Several devices in one place, such as the cores of a chip, are told apart by their numbers there."""
    from mlos_accel.identity import from_place

    seen: dict[str, int] = {}
    for device in devices:
        count = seen[device.uuid] = seen.get(device.uuid, -1) + 1
        yield dataclasses.replace(device, uuid=from_place(device.uuid, "", str(count))) if count else device


def _order(device: Device) -> tuple[Any, ...]:
    """What is declared comes last; else by kind and place."""
    return device.declared, KINDS.index(device.kind), natural(device.address or ""), natural("".join(device.nodes))


def find(inventory: Inventory, word: str) -> tuple[int, Device]:
    """The device that a person means, with its number in the list.

    A number of the list, an address, a device node, or the beginning of a uuid. Raises `NoSuchDevice`.
    """
    numbered = list(enumerate(inventory.devices))
    if word.isdigit() and int(word) < len(numbered):
        return numbered[int(word)]
    for exact in (
        [each for each in numbered if word in (each[1].uuid, each[1].address, *each[1].nodes)],
        [each for each in numbered if len(word) > 3 and each[1].uuid.lower().startswith(word.lower())],
    ):
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise NoSuchDevice(f"`{word}` can be any of {len(exact)} devices", "write more of the uuid")
    raise NoSuchDevice(
        f"there is no device `{word}`", "`mlos-accel list` numbers them; uuids and addresses serve as well"
    )
