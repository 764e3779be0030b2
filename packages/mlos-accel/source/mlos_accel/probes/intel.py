# SPDX-License-Identifier: Apache-2.0
"""GPUs of Intel, by the drivers xe and i915. Neither tells the size of its memory in a file: only an ioctl knows it.

Intel's NPUs are DRM accel devices.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlos_accel import identity, pci
from mlos_accel.device import Device, Load, Memory
from mlos_accel.tree import Tree

VENDOR = 0x8086


def probe(tree: Tree) -> Iterator[Device]:
    """Every display controller, integrated ones as well."""
    for found in pci.devices(tree):
        if found.vendor_id == VENDOR and found.base_class == pci.DISPLAY:
            yield _device(found)


def _device(found: pci.PciDevice) -> Device:
    return Device(
        uuid=identity.from_place(*found.ids, found.address),
        uuid_source="place",
        name=pci.name(found, "Intel"),
        vendor="Intel",
        kind="gpu",
        driver=found.driver,
        probe="intel",
        address=found.address,
        numa_node=found.numa_node,
        nodes=found.drm_nodes(),
        # An integrated one has a place of its own in the first bus.
        memory=Memory(place="system" if found.address.endswith(":00:02.0") else "device"),
        load=Load(idle_us=_idle(found)),
        power=pci.power(found),
        partitioning=pci.partitioning(found),
        health=pci.health(found, failed=found.tree.exists(f"{found.folder}/survivability_mode")),
        details=_details(found),
    )


def _idle(found: pci.PciDevice) -> int | None:
    """Microseconds that the engines slept. xe: tile0/gt0/gtidle; i915: gt/gt0 of the card."""
    for path in ("tile0/gt0/gtidle/idle_residency_ms", *_of_cards(found, "gt/gt0/rc6_residency_ms")):
        milliseconds = found.number(path)
        if milliseconds is not None:
            return milliseconds * 1000
    return None


def _details(found: pci.PciDevice) -> dict[str, str]:
    for path in ("tile0/gt0/freq0/act_freq", *_of_cards(found, "gt/gt0/rps_act_freq_mhz")):
        frequency = found.text(path)
        if frequency:
            return {"frequency_mhz": frequency}
    return {}


def _of_cards(found: pci.PciDevice, path: str) -> list[str]:
    cards = (name for name in found.tree.names(f"{found.folder}/drm") if name.startswith("card") and "-" not in name)
    return [f"drm/{card}/{path}" for card in cards]
