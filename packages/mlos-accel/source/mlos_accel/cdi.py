# SPDX-License-Identifier: Apache-2.0
"""Accelerators for containers: a specification of the Container Device Interface, which containerd and podman read.

It gives a container the device nodes, and nothing of a vendor's libraries: those belong into the image, or, for NVIDIA,
come by the specification that nvidia-ctk writes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from mlos_accel.device import Device
from mlos_accel.errors import CannotWrite
from mlos_accel.inventory import Inventory

VERSION = "0.6.0"
"""The oldest one that has all that is used here, so that old runtimes read it as well."""
KIND = "mlos/accel"
FILE = "mlos-accel.json"
ALL = "all"


def specification(inventory: Inventory) -> dict[str, Any] | None:
    """The specification, or None where there is nothing to hand out: one without devices is not valid."""
    devices = [entry for index, device in enumerate(inventory.devices) for entry in _entries(index, device)]
    if not devices:
        return None
    every = [node["path"] for device in devices for node in device["containerEdits"]["deviceNodes"]]
    devices.append(_entry(ALL, every, {}))
    return {"cdiVersion": VERSION, "kind": KIND, "devices": devices}


def write(inventory: Inventory, folder: str) -> str | None:
    """Write the specification into a folder such as /run/cdi, whole or not at all; return its path.

    Where there is nothing to hand out, an old one is removed and None returned. Raises `CannotWrite`.
    """
    path = os.path.join(folder, FILE)
    content = specification(inventory)
    try:
        if content is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return None
        os.makedirs(folder, exist_ok=True)
        fresh = f"{path}.{os.getpid()}.new"  # runtimes read only files that end with .json or .yaml
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(text(content))
        os.replace(fresh, path)
    except OSError as error:
        raise CannotWrite(f"{path}: {error.strerror}", "the folder belongs to root; try `--output DIR`") from None
    return path


def text(content: dict[str, Any]) -> str:
    """The specification as JSON."""
    return json.dumps(content, indent=2) + "\n"


def _entries(index: int, device: Device) -> Iterator[dict[str, Any]]:
    """A device under its number in the list and under its uuid, and its parts likewise (`0:1`)."""
    if not device.nodes:
        return
    annotations = {"mlos.accel/name": device.name}
    for name in (str(index), device.uuid):
        yield _entry(name, (*device.nodes, *device.shared_nodes), annotations)
    for number, part in enumerate(device.partitioning.partitions):
        # A part of NVIDIA's is used through the whole device's node, and its own ones only say that it may be.
        through = device.nodes[:1] if part.kind == "mig" else ()
        for name in (f"{index}:{number}", *((part.uuid,) if part.uuid else ())):
            yield _entry(name, (*through, *part.nodes, *device.shared_nodes), annotations)


def _entry(name: str, nodes: Sequence[str], annotations: dict[str, str]) -> dict[str, Any]:
    paths = [{"path": node} for node in dict.fromkeys(nodes)]
    entry: dict[str, Any] = {"name": name, "containerEdits": {"deviceNodes": paths}}
    return {**entry, "annotations": annotations} if annotations else entry
