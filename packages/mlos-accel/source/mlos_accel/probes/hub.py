# SPDX-License-Identifier: Apache-2.0
"""Devices of the accelerator hub: /sys/class/accel_hub.

The hub also lists devices of other drivers (`foreign`), which have a probe of their own: of these it leaves open who
made them, so that the other probe says it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlos_accel import identity, pci
from mlos_accel.device import KINDS, Device, Health, Jobs, Kind, Load, Memory, Power, PowerState
from mlos_accel.health import judged
from mlos_accel.tree import Tree

CLASS = "sys/class/accel_hub"
STATES: tuple[PowerState, ...] = ("active", "suspended", "off")


def probe(tree: Tree) -> Iterator[Device]:
    """Every device of the class."""
    for number in tree.names(CLASS):
        yield _device(tree, f"{CLASS}/{number}")


def _device(tree: Tree, folder: str) -> Device:
    foreign = tree.text(f"{folder}/foreign") == "1"
    driver = tree.text(f"{folder}/driver_name") or None
    address = tree.linked(f"{folder}/device")
    on_bus = pci.at(tree, f"{folder}/device")
    ids = on_bus.ids if on_bus else ("hub", driver or "")
    node = tree.linked(f"{folder}/accel")
    kind = tree.text(f"{folder}/kind")

    def number(name: str) -> int | None:
        return tree.number(f"{folder}/{name}")

    numa = number("numa_node")
    return Device(
        uuid=identity.from_place(*ids, address or folder),
        uuid_source="place",
        name="" if foreign else tree.text(f"{folder}/name") or "",
        kind=_kind(kind),
        driver=driver,
        probe="hub",
        address=address,
        numa_node=None if numa is None or numa < 0 else numa,
        nodes=(f"/dev/accel/{node}",) if node else (),
        capabilities=tuple((tree.text(f"{folder}/capabilities") or "").split()),
        memory=Memory(total_bytes=number("memory_total"), used_bytes=number("memory_used")),
        load=Load(busy_permille=number("load"), queues=number("queues"), queue_depth=number("queue_depth")),
        jobs=Jobs(
            submitted=number("jobs_submitted"),
            done=number("jobs_done"),
            failed=number("jobs_failed"),
            contexts=number("contexts"),
            model=number("model"),
        ),
        power=Power(
            state=next((state for state in STATES if state == tree.text(f"{folder}/power_state")), None),
        ),
        health=_health(number("resets"), driver),
    )


def _kind(word: str | None) -> Kind:
    return next((kind for kind in KINDS if kind == word), "other")


def _health(resets: int | None, driver: str | None) -> Health:
    """The hub counts how often it had to reset a device, and takes away one that does not come back."""
    return judged(Health(resets=resets), driven=driver is not None)
