# SPDX-License-Identifier: Apache-2.0
"""GPUs of AMD: files of the driver amdgpu, and the compute topology below /sys/class/kfd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlos_accel import identity, pci
from mlos_accel.device import Device, Health, Load, Memory, Partition, Partitioning
from mlos_accel.health import counted
from mlos_accel.tree import Tree, as_number

VENDOR = 0x1002
TOPOLOGY = "sys/class/kfd/kfd/topology/nodes"
KFD = "/dev/kfd"
Node = dict[str, int]
"""The lines of the `properties` of a node of the topology."""


def probe(tree: Tree) -> Iterator[Device]:
    """Every GPU, whether the driver has it or not."""
    found = [
        each
        for each in pci.devices(tree)
        if each.vendor_id == VENDOR and each.base_class in (pci.DISPLAY, pci.ACCELERATOR)
    ]
    nodes = list(_topology(tree)) if found else []
    for each in found:
        yield _device(each, [node for node in nodes if _is_of(node, each)])


def _device(found: pci.PciDevice, nodes: list[Node]) -> Device:
    unique = found.text("unique_id")
    busy = found.number("gpu_busy_percent")
    return Device(
        # As ROCm writes it, which ROCR_VISIBLE_DEVICES understands.
        uuid=f"GPU-{unique}" if unique else identity.from_place(*found.ids, found.address),
        uuid_source="vendor" if unique else "place",
        name=pci.name(found, "AMD", found.text("product_name")),
        vendor="AMD",
        kind="gpu",
        driver=found.driver,
        probe="amd",
        address=found.address,
        numa_node=found.numa_node,
        nodes=found.drm_nodes(),
        shared_nodes=(KFD,) if nodes and found.tree.exists(KFD[1:]) else (),
        memory=Memory(
            total_bytes=found.number("mem_info_vram_total"),
            used_bytes=found.number("mem_info_vram_used"),
            place="device" if found.text("mem_info_vram_total") else None,
        ),
        load=Load(busy_permille=None if busy is None else busy * 10),
        power=pci.power(found),
        partitioning=_partitioning(found, nodes),
        health=_health(found),
        details=_details(found, nodes),
    )


def _partitioning(found: pci.PciDevice, nodes: list[Node]) -> Partitioning:
    """A partition is a node of the topology with a render node of its own."""
    mode = found.text("current_compute_partition")
    partitions = tuple(_partition(found.tree, number, node) for number, node in enumerate(nodes))
    return replace(
        pci.partitioning(found),
        compute_mode=mode,
        compute_modes=tuple((found.text("available_compute_partition") or "").replace(",", " ").split())
        if mode
        else (),
        memory_mode=found.text("current_memory_partition"),
        partitions=partitions if len(partitions) > 1 else (),
    )


def _partition(tree: Tree, number: int, node: Node) -> Partition:
    minor, unique = node.get("drm_render_minor"), node.get("unique_id")
    return Partition(
        kind="compute",
        name=str(number),
        uuid=f"GPU-{unique:016x}" if unique else None,
        memory_bytes=node.get("size_in_bytes"),
        nodes=(f"/dev/dri/renderD{minor}",) if minor else (),
    )


def _health(found: pci.PciDevice) -> Health:
    """Errors of all blocks of the chip: each file of `ras` says `ue: 0` and `ce: 1`."""
    counts: dict[str, int] = {}
    for name in found.tree.names(f"{found.folder}/ras"):
        if name.endswith("_err_count"):
            for line in (found.text(f"ras/{name}") or "").splitlines():
                kind, _, value = line.partition(":")
                counts[kind] = counts.get(kind, 0) + (as_number(value.strip()) or 0)
    pages = found.text("ras/gpu_vram_bad_pages")
    bad = len(pages.splitlines()) if pages else 0
    return pci.health(
        found,
        corrected=counts.get("ce"),
        uncorrected=counts.get("ue"),
        reasons=(counted(bad, "bad page") + " of memory",) if bad else (),
    )


def _details(found: pci.PciDevice, nodes: list[Node]) -> dict[str, str]:
    version = nodes[0].get("gfx_target_version") if nodes else None
    named = {
        "architecture": _architecture(version) if version else None,
        "serial": found.text("serial_number"),
        "video_bios": found.text("vbios_version"),
        "xgmi_hive": found.text("xgmi_hive_info/xgmi_hive_id"),
    }
    return {key: value for key, value in named.items() if value}


def _architecture(version: int) -> str:
    """90402 is gfx942, 90010 is gfx90a."""
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _topology(tree: Tree) -> Iterator[Node]:
    """The nodes that are GPUs, each with the size of its memory."""
    for name in tree.names(TOPOLOGY):
        node = _properties(tree, f"{TOPOLOGY}/{name}")
        if node.get("vendor_id") == VENDOR and node.get("simd_count"):
            banks = tree.names(f"{TOPOLOGY}/{name}/mem_banks")
            bank = _properties(tree, f"{TOPOLOGY}/{name}/mem_banks/{banks[0]}") if banks else {}
            yield {**node, "size_in_bytes": bank["size_in_bytes"]} if "size_in_bytes" in bank else node


def _properties(tree: Tree, folder: str) -> Node:
    words = (line.split() for line in (tree.text(f"{folder}/properties") or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}


def _is_of(node: Node, found: pci.PciDevice) -> bool:
    """Bus, device and function are the node's `location_id`; a partition has its number for the function."""
    domain, bus, rest = found.address.split(":")
    place = int(bus, 16) << 8 | int(rest.partition(".")[0], 16) << 3
    return node.get("domain") == int(domain, 16) and node.get("location_id", -1) & ~7 == place
