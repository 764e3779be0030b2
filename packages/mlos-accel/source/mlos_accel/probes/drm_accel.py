# SPDX-License-Identifier: Apache-2.0
"""Devices of the kernel's class accel (/dev/accel/accel*), and those that would be there if their driver were.

What a driver says beyond the class stands in its own file below Documentation/ABI or drivers/accel of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from mlos_accel import identity, pci
from mlos_accel.device import Device, Health, Load, Memory
from mlos_accel.tree import Tree

CLASS = "sys/class/accel"
OTHERS = ("apex",)
"""Drivers whose devices another probe describes, with this class among the rest."""


@dataclass(frozen=True)
class Product:
    """A device that a driver of the kernel is for."""

    name: str
    vendor: str
    driver: str


def _intel(name: str) -> Product:
    return Product(f"Intel NPU ({name})", "Intel", "intel_vpu")


def _amd(name: str) -> Product:
    return Product(f"AMD NPU ({name})", "AMD", "amdxdna")


PRODUCTS: Mapping[tuple[int, int], Product] = {
    (0x8086, 0x7D1D): _intel("Meteor Lake"),
    (0x8086, 0xAD1D): _intel("Arrow Lake"),
    (0x8086, 0x643E): _intel("Lunar Lake"),
    (0x8086, 0xB03E): _intel("Panther Lake"),
    (0x8086, 0xFD3E): _intel("Wildcat Lake"),
    (0x1022, 0x1502): _amd("XDNA"),
    (0x1022, 0x17F0): _amd("XDNA 2"),
    (0x1DA3, 0x0001): Product("Habana Goya", "Intel", "habanalabs"),
    (0x1DA3, 0x1000): Product("Habana Gaudi", "Intel", "habanalabs"),
    (0x1DA3, 0x1010): Product("Habana Gaudi (secured)", "Intel", "habanalabs"),
    (0x1DA3, 0x1020): Product("Habana Gaudi 2", "Intel", "habanalabs"),
    (0x17CB, 0xA080): Product("Qualcomm Cloud AI 80", "Qualcomm", "qaic"),
    (0x17CB, 0xA100): Product("Qualcomm Cloud AI 100", "Qualcomm", "qaic"),
    (0x17CB, 0xA110): Product("Qualcomm Cloud AI 200", "Qualcomm", "qaic"),
}
"""By the ids in the drivers' tables, Linux 7.2."""
COMPATIBLE: Mapping[str, Product] = {
    "rockchip,rk3588-rknn-core": Product("Rockchip NPU (RK3588)", "Rockchip", "rocket"),
    "arm,ethos-u65": Product("Arm Ethos-U65", "Arm", "ethosu"),
    "arm,ethos-u85": Product("Arm Ethos-U85", "Arm", "ethosu"),
}
"""Of devices that a device tree describes."""


def probe(tree: Tree) -> Iterator[Device]:
    """The class, then what no driver has."""
    for minor in tree.names(CLASS):
        if minor.startswith("accel") and minor[5:].isdigit():  # habanalabs has accel_controlD0 besides
            device = _device(tree, minor)
            if device.driver not in OTHERS:
                yield device
    for found in pci.devices(tree):
        product = PRODUCTS.get((found.vendor_id, found.device_id))
        if product and not found.driver:
            yield replace(
                _on_bus(found, product), notes=(f"no driver has it: the kernel's {product.driver} is for it",)
            )


def _device(tree: Tree, minor: str) -> Device:
    folder = f"{CLASS}/{minor}/device"
    found = pci.at(tree, folder)
    if found:
        product = PRODUCTS.get((found.vendor_id, found.device_id)) or Product("", "", found.driver or "")
        device = _on_bus(found, product)
    else:
        device = _in_device_tree(tree, folder)
    device = replace(device, nodes=(f"/dev/accel/{minor}", *device.nodes))
    more = DRIVERS.get(device.driver or "")
    return more(tree, folder, device) if more else device


def _on_bus(found: pci.PciDevice, product: Product) -> Device:
    return Device(
        uuid=identity.from_place(*found.ids, found.address),
        uuid_source="place",
        name=product.name,
        vendor=product.vendor,
        kind="npu" if product.name else "other",
        driver=found.driver,
        probe="drm_accel",
        address=found.address,
        numa_node=found.numa_node,
        power=pci.power(found),
        partitioning=pci.partitioning(found),
        health=pci.health(found),
    )


def _in_device_tree(tree: Tree, folder: str) -> Device:
    """A part of the chip, such as the NPU of a board."""
    words = (tree.text(f"{folder}/of_node/compatible") or "").split("\0")
    address = tree.real(folder).rpartition("/")[2]
    # rocket makes one device of several cores, which are described elsewhere.
    words = ["rockchip,rk3588-rknn-core"] if not words[0] and address.startswith("rknn") else words
    product = next((COMPATIBLE[word] for word in words if word in COMPATIBLE), Product("", "", ""))
    driver = tree.linked(f"{folder}/driver") or product.driver or None
    return Device(
        uuid=identity.from_place("device-tree", words[0], address),
        uuid_source="place",
        name=product.name,
        vendor=product.vendor,
        kind="npu" if product.name else "other",
        driver=driver,
        probe="drm_accel",
        address=address,
        memory=Memory(place="system"),
        health=Health(state="ok" if driver else "unknown"),
    )


def _ivpu(tree: Tree, folder: str, device: Device) -> Device:
    """It computes in the machine's memory."""
    return replace(
        device,
        memory=Memory(used_bytes=tree.number(f"{folder}/npu_memory_utilization"), place="system"),
        load=Load(busy_us=tree.number(f"{folder}/npu_busy_time_us")),
        details=_present(
            frequency_mhz=tree.text(f"{folder}/npu_current_frequency_mhz"),
            frequency_limit_mhz=tree.text(f"{folder}/npu_max_frequency_mhz"),
            scheduler={"HW": "hardware", "OS": "driver"}.get(tree.text(f"{folder}/sched_mode") or ""),
        ),
    )


def _amdxdna(tree: Tree, folder: str, device: Device) -> Device:
    """`vbnv` is the product's name as vendor and model."""
    return replace(
        device,
        memory=Memory(place="system"),
        details=_present(product=tree.text(f"{folder}/vbnv"), firmware=tree.text(f"{folder}/fw_version")),
    )


def _habanalabs(tree: Tree, folder: str, device: Device) -> Device:
    """The driver says whether the card is `Operational`."""
    status = tree.text(f"{folder}/status")
    resets = [tree.number(f"{folder}/{kind}_reset_cnt") for kind in ("soft", "hard")]
    wrong = (f"the driver says: {status}",) if status and status.lower() != "operational" else ()
    found = pci.at(tree, folder)
    return replace(
        device,
        memory=Memory(place="device"),
        power=replace(device.power, limit_milliwatts=tree.number(f"{folder}/max_power")),
        health=pci.health(
            found,
            resets=sum(count for count in resets if count) if any(count is not None for count in resets) else None,
            reasons=wrong,
            failed=(status or "").lower() == "disabled",
        )
        if found
        else device.health,
        details=_present(
            product=tree.text(f"{folder}/device_type"),
            module=tree.text(f"{folder}/module_id"),
            firmware=tree.text(f"{folder}/cpucp_ver"),
            frequency_mhz=tree.text(f"{folder}/clk_cur_freq_mhz"),
        ),
    )


def _qaic(tree: Tree, folder: str, device: Device) -> Device:
    """It counts its errors."""
    found = pci.at(tree, folder)
    fatal, other = (tree.number(f"{folder}/{name}") for name in ("ue_count", "ue_nonfatal_count"))
    uncorrected = None if fatal is None and other is None else (fatal or 0) + (other or 0)
    return replace(
        device,
        memory=Memory(place="device"),
        health=pci.health(found, corrected=tree.number(f"{folder}/ce_count"), uncorrected=uncorrected)
        if found
        else device.health,
    )


DRIVERS: Mapping[str, Callable[[Tree, str, Device], Device]] = {
    "intel_vpu": _ivpu,
    "amdxdna": _amdxdna,
    "habanalabs": _habanalabs,
    "qaic": _qaic,
}


def _present(**details: str | None) -> dict[str, str]:
    return {key: value for key, value in details.items() if value}
