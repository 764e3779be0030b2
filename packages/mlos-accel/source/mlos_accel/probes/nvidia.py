# SPDX-License-Identifier: Apache-2.0
"""GPUs of NVIDIA: what the driver says below /proc/driver/nvidia, and what its library (NVML) knows beyond that.

The library is asked by `pynvml` (package nvidia-ml-py), and only if there is a GPU that the driver has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlos_accel import identity, pci
from mlos_accel.device import Device, Partition, Partitioning
from mlos_accel.tree import Tree

VENDOR = 0x10DE
PROC = "proc/driver/nvidia"
CONTROL = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
MPS_PIPE = "tmp/nvidia-mps/control"
"""Of the control daemon, in its default folder (CUDA_MPS_PIPE_DIRECTORY)."""


def probe(tree: Tree) -> Iterator[Device]:
    """Every GPU, whether the driver has it or not."""
    found = [_device(each) for each in pci.devices(tree) if each.vendor_id == VENDOR and _is_gpu(each)]
    if not any(device.driver == "nvidia" for device in found):
        yield from found
        return
    if not tree.live:
        yield from (_noted(device, "another machine's tree: NVML was not asked") for device in found)
        return
    from mlos_accel.probes import nvml

    readings, problem = nvml.read()
    for device in found:
        if problem:
            yield _noted(device, problem)
        elif device.address in readings:
            yield nvml.completed(device, readings[device.address])
        else:
            yield device


def _is_gpu(device: pci.PciDevice) -> bool:
    return device.base_class in (pci.DISPLAY, pci.ACCELERATOR)


def _noted(device: Device, note: str) -> Device:
    return replace(device, notes=(*device.notes, note)) if device.driver == "nvidia" else device


def _device(found: pci.PciDevice) -> Device:
    tree = found.tree
    facts = _information(tree, found.address)
    minor = facts.get("Device Minor")
    uuid = facts.get("GPU UUID", "")
    known = uuid.startswith("GPU-") and "?" not in uuid  # the driver prints ? until it has started the GPU once
    own = (f"/dev/nvidia{minor}",) if minor else ()
    return Device(
        uuid=uuid if known else identity.from_place(*found.ids, found.address),
        uuid_source="vendor" if known else "place",
        name=pci.name(found, "NVIDIA", facts.get("Model")),
        vendor="NVIDIA",
        kind="gpu",
        driver=found.driver,
        probe="nvidia",
        address=found.address,
        numa_node=found.numa_node,
        nodes=(*own, *found.drm_nodes()),
        shared_nodes=tuple(node for node in CONTROL if own and tree.exists(node[1:])),
        power=pci.power(found),
        partitioning=_partitioning(found, minor),
        health=pci.health(found),
        details=_details(tree, facts),
    )


def _information(tree: Tree, address: str) -> dict[str, str]:
    """The lines `Model:   NVIDIA H100 80GB HBM3` of the driver."""
    lines = (tree.text(f"{PROC}/gpus/{address}/information") or "").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _details(tree: Tree, facts: dict[str, str]) -> dict[str, str]:
    version = (tree.text(f"{PROC}/version") or "").partition("NVRM version:")[2].splitlines()
    words = version[0].split() if version else []
    number = next((word for word in words if word[0].isdigit() and "." in word), None)
    named = {"driver_version": number, "firmware": facts.get("GPU Firmware"), "video_bios": facts.get("Video BIOS")}
    return {key: value for key, value in named.items() if value}


def _partitioning(found: pci.PciDevice, minor: str | None) -> Partitioning:
    instances = tuple(_instances(found.tree, minor)) if minor else ()
    return replace(
        pci.partitioning(found),
        mig=True if instances else None,
        mps=found.tree.exists(MPS_PIPE) if found.driver == "nvidia" else None,
        partitions=instances,
    )


def _instances(tree: Tree, minor: str) -> Iterator[Partition]:
    """The compute instances of Multi-Instance GPU, by their access files; NVML knows their profiles and uuids."""
    base = f"{PROC}/capabilities/gpu{minor}/mig"
    for gi in (name for name in tree.names(base) if name.startswith("gi")):
        for ci in (name for name in tree.names(f"{base}/{gi}") if name.startswith("ci")):
            nodes = (_capability(tree, f"{base}/{gi}/access"), _capability(tree, f"{base}/{gi}/{ci}/access"))
            yield Partition(kind="mig", name=f"{gi}/{ci}", nodes=tuple(node for node in nodes if node))


def _capability(tree: Tree, path: str) -> str | None:
    """The node that gives access to what the file is about: its first line is `DeviceFileMinor: 21`."""
    for line in (tree.text(path) or "").splitlines():
        key, _, value = line.partition(":")
        if key == "DeviceFileMinor":
            return f"/dev/nvidia-caps/nvidia-cap{value.strip()}"
    return None
