# SPDX-License-Identifier: Apache-2.0
"""PCI devices: who they are, and what each tells in the same files (Documentation/ABI/testing/sysfs-bus-pci*)."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlos_accel.device import Health, Partitioning, Power, PowerState
from mlos_accel.health import judged
from mlos_accel.tree import Tree

DEVICES = "sys/bus/pci/devices"
DISPLAY, ACCELERATOR = 0x03, 0x12
"""Base classes of display controllers and of processing accelerators."""
ID_FILES = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
KEEPERS = ("vfio-pci", "pci-stub")
STATES: Mapping[str, PowerState] = {
    "active": "active",
    "suspended": "suspended",
    "suspending": "suspended",
    "resuming": "active",
}


@dataclass(frozen=True)
class PciDevice:
    """A device on the bus."""

    tree: Tree
    address: str
    vendor_id: int
    device_id: int
    base_class: int

    @property
    def folder(self) -> str:
        """Where its files are."""
        return f"{DEVICES}/{self.address}"

    @property
    def driver(self) -> str | None:
        return self.tree.linked(f"{self.folder}/driver")

    @property
    def driven(self) -> bool:
        """Whether a driver has it that can use it; others only keep it for a virtual machine."""
        return self.driver is not None and self.driver not in KEEPERS

    @property
    def numa_node(self) -> int | None:
        """None as well where the firmware does not say."""
        node = self.number("numa_node")
        return None if node is None or node < 0 else node

    @property
    def ids(self) -> tuple[str, str]:
        """Vendor and device as four hexadecimal digits each."""
        return f"{self.vendor_id:04x}", f"{self.device_id:04x}"

    def text(self, name: str) -> str | None:
        return self.tree.text(f"{self.folder}/{name}")

    def number(self, name: str) -> int | None:
        return self.tree.number(f"{self.folder}/{name}")

    def drm_nodes(self) -> tuple[str, ...]:
        """Its /dev/dri nodes."""
        return tuple(f"/dev/dri/{name}" for name in self.tree.names(f"{self.folder}/drm") if "-" not in name)


@functools.lru_cache(maxsize=1)
def devices(tree: Tree) -> tuple[PciDevice, ...]:
    """All of them. Several probes ask in turn, and reading hundreds of devices takes a while."""
    found = []
    for address in tree.names(DEVICES):
        ids = [tree.number(f"{DEVICES}/{address}/{name}") for name in ("vendor", "device", "class")]
        vendor, device, code = ids
        if vendor is not None and device is not None and code is not None:
            found.append(PciDevice(tree, address, vendor, device, code >> 16))
    return tuple(found)


def at(tree: Tree, folder: str) -> PciDevice | None:
    """The PCI device that a folder below /sys/devices is of."""
    address = os.path.basename(tree.real(folder))
    return next((each for each in devices(tree) if each.address == address), None)


def partitioning(device: PciDevice) -> Partitioning:
    """What SR-IOV says; nothing where the device cannot do it."""
    return Partitioning(
        virtual_functions=device.number("sriov_numvfs"),
        virtual_functions_limit=device.number("sriov_totalvfs"),
        physical_function=device.tree.linked(f"{device.folder}/physfn"),
    )


def power(device: PciDevice) -> Power:
    """State by runtime power management, watts and temperature by the driver's hwmon."""
    state = STATES.get(device.text("power/runtime_status") or "")
    sensors = device.tree.names(f"{device.folder}/hwmon")
    if not sensors:
        return Power(state=state)
    base = f"hwmon/{sensors[0]}"

    def first(*names: str) -> int | None:
        values = (device.number(f"{base}/{name}") for name in names)
        return next((value for value in values if value is not None), None)

    return Power(
        state=state,
        milliwatts=_thousandth(first("power1_average", "power1_input")),
        limit_milliwatts=_thousandth(first("power1_cap", "power1_max")),
        temperature_millicelsius=first("temp1_input", "temp2_input"),
    )


def _thousandth(microwatts: int | None) -> int | None:
    return None if microwatts is None else microwatts // 1000


def health(
    device: PciDevice,
    *,
    corrected: int | None = None,
    uncorrected: int | None = None,
    resets: int | None = None,
    reasons: tuple[str, ...] = (),
    failed: bool = False,
) -> Health:
    """The health of a PCI device, of what its driver counts and of what the bus does.

    Only a lane that is missing is a complaint: the speed of a link changes while the device idles.
    """
    width, widest = device.number("current_link_width"), device.number("max_link_width")
    if width and widest and width < widest:
        reasons = (*reasons, f"its PCIe link has {width} of {widest} lanes")
    fatal, other = (_total(device.text(f"aer_dev_{kind}")) for kind in ("fatal", "nonfatal"))
    bus = None if fatal is None and other is None else (fatal or 0) + (other or 0)
    return judged(
        Health(
            reasons=reasons,
            corrected_errors=corrected,
            uncorrected_errors=uncorrected,
            bus_errors_corrected=_total(device.text("aer_dev_correctable")),
            bus_errors_uncorrected=bus,
            resets=resets,
        ),
        driven=device.driven,
        failed=failed,
    )


def _total(text: str | None) -> int | None:
    """The last line of an AER file: `TOTAL_ERR_COR 2`."""
    words = (text or "").split()
    return int(words[-1]) if len(words) > 1 and words[-1].isdigit() else None


def name(device: PciDevice, vendor: str, known: str | None = None) -> str:
    """What people call it, with its vendor once: what its driver knows, else by pci.ids, else its number."""
    word = known or _by_list(device) or f"GPU {device.ids[1]}"
    return word if word.startswith(vendor) else f"{vendor} {word}"


def _by_list(device: PciDevice) -> str | None:
    """The name in pci.ids, where that is installed: of `GH100 [H100 SXM5 80GB]` that on the box."""
    vendor, number = (word.encode() for word in device.ids)
    for path in ID_FILES:
        try:
            with open(device.tree.place(path), "rb") as file:
                content = file.read()
        except OSError:
            continue
        start = content.find(b"\n" + vendor + b"  ")
        line = content.find(b"\n\t" + number + b"  ", start)
        if start >= 0 and 0 <= line < _next_vendor(content, start):
            word = content[line + 8 : content.find(b"\n", line + 1)].decode(errors="replace")
            return word.partition("[")[2].removesuffix("]") or word
    return None


def _next_vendor(content: bytes, start: int) -> int:
    """Where the lines of a vendor end: at the next one that begins with neither a tabulator nor `#`."""
    place = content.find(b"\n", start + 1)
    while 0 <= place < len(content) - 1 and content[place + 1] in b"\t#\n":
        place = content.find(b"\n", place + 1)
    return len(content) if place < 0 else place
