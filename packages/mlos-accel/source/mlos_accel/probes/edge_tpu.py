# SPDX-License-Identifier: Apache-2.0
"""Google's Edge TPU: on PCI Express by a driver with /dev/apex_N, or on USB, where programs speak to it themselves."""

from __future__ import annotations

from collections.abc import Iterator

from mlos_accel import identity, pci
from mlos_accel.device import Device, Health, Memory, Power
from mlos_accel.tree import Tree

CLASS = "sys/class/apex"
USB = "sys/bus/usb/devices"
PCI_IDS = (0x1AC1, 0x089A)
READY, WAITING = ("18d1", "9302"), ("1a6e", "089a")
"""USB: with its firmware, and before some program has given it."""
NAME = "Coral Edge TPU"


def probe(tree: Tree) -> Iterator[Device]:
    """Those on PCI Express, then those on USB."""
    nodes = {tree.real(f"{CLASS}/{name}/device").rpartition("/")[2]: name for name in tree.names(CLASS)}
    for found in pci.devices(tree):
        if (found.vendor_id, found.device_id) == PCI_IDS:
            yield _on_pci(found, nodes.get(found.address))
    for name in tree.names(USB):
        folder = f"{USB}/{name}"
        ids = tree.text(f"{folder}/idVendor") or "", tree.text(f"{folder}/idProduct") or ""
        if ids in (READY, WAITING):
            yield _on_usb(tree, folder, name, ids)


def _on_pci(found: pci.PciDevice, node: str | None) -> Device:
    folder = f"{CLASS}/{node}"
    temperature = found.tree.number(f"{folder}/temp") if node else _hwmon_temperature(found)
    status = found.tree.text(f"{folder}/status") if node else None
    alive = status in (None, "ALIVE")
    power = pci.power(found)
    return Device(
        uuid=identity.from_place(*found.ids, found.address),
        uuid_source="place",
        name=NAME,
        vendor="Google",
        kind="tpu",
        driver=found.driver,
        probe="edge_tpu",
        address=found.address,
        numa_node=found.numa_node,
        nodes=((f"/dev/{node}",) if node else ()) + _accel_nodes(found),
        memory=Memory(place="device"),
        power=power if temperature is None else Power(state=power.state, temperature_millicelsius=temperature),
        health=pci.health(
            found,
            resets=found.tree.number(f"{folder}/reset_count") if node else None,
            reasons=() if alive else (f"the driver says: {status}",),
            failed=status == "DEAD",
        ),
    )


def _hwmon_temperature(found: pci.PciDevice) -> int | None:
    """Where the driver is built without the class apex."""
    folder = f"{found.folder}/hwmon"
    return next((found.tree.number(f"{folder}/{name}/temp1_input") for name in found.tree.names(folder)), None)


def _accel_nodes(found: pci.PciDevice) -> tuple[str, ...]:
    """Of the kernel's own driver, which is in the class accel as well; Google's is not."""
    return tuple(f"/dev/accel/{name}" for name in found.tree.names(f"{found.folder}/accel"))


def _on_usb(tree: Tree, folder: str, name: str, ids: tuple[str, str]) -> Device:
    serial = tree.text(f"{folder}/serial")
    bus, number = tree.number(f"{folder}/busnum"), tree.number(f"{folder}/devnum")
    ready = ids == READY
    return Device(
        # The same before and after it has got its firmware, when its ids change: it is one device.
        uuid=identity.from_serial(*READY, serial) if serial else identity.from_place(*READY, f"usb {name}"),
        uuid_source="serial" if serial else "place",
        name=f"{NAME} (USB)",
        vendor="Google",
        kind="tpu",
        driver="libusb",
        probe="edge_tpu",
        address=name,
        nodes=(f"/dev/bus/usb/{bus:03}/{number:03}",) if bus is not None and number is not None else (),
        memory=Memory(place="device"),
        health=Health(state="ok" if ready else "unknown"),
        notes=() if ready else ("it waits for its firmware, which the first program that opens it gives it",),
    )
