# SPDX-License-Identifier: Apache-2.0
"""Devices that a file declares, for work on what uses the inventory where there is no accelerator.

    # /etc/mlos/accelerators.d/practice.toml
    name = "Practice NPU"
    kind = "npu"
    memory_mib = 512
    capabilities = ["int8", "matmul"]

They are listed as declared everywhere, and computed by the processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlos_accel import identity
from mlos_accel.device import KINDS, Device, Memory
from mlos_accel.errors import WrongDeclaration
from mlos_accel.tree import Tree

FOLDER = "etc/mlos/accelerators.d"
KEYS = {"name": str, "kind": str, "memory_mib": int, "numa_node": int, "capabilities": list}
DRIVER = "declared"


def probe(tree: Tree) -> Iterator[Device]:
    """Every declaration. Raises `WrongDeclaration`."""
    for file in tree.names(FOLDER):
        if file.endswith(".toml"):
            yield _device(file, _read(tree, f"{FOLDER}/{file}"))


def _read(tree: Tree, path: str) -> dict[str, Any]:
    import tomllib

    try:
        content = tomllib.loads(tree.text(path) or "")
    except tomllib.TOMLDecodeError as error:
        raise WrongDeclaration(f"/{path}: {error}") from None
    for key, value in content.items():
        if key not in KEYS:
            raise WrongDeclaration(f"/{path}: there is no key `{key}`; there are {', '.join(KEYS)}")
        if type(value) is not KEYS[key]:
            raise WrongDeclaration(f"/{path}: `{key}` is not of type {KEYS[key].__name__}")
    if content.get("kind", "npu") not in KINDS:
        raise WrongDeclaration(f"/{path}: `{content['kind']}` is no kind; there are {', '.join(KINDS)}")
    return content


def _device(file: str, said: dict[str, Any]) -> Device:
    stem = file.removesuffix(".toml")
    mebibytes = said.get("memory_mib")
    return Device(
        uuid=identity.from_place("declared", "declared", stem),
        uuid_source="place",
        name=f"{said.get('name', stem)} (declared)",
        vendor="declared",
        kind=said.get("kind", "npu"),
        driver=DRIVER,
        probe="fake",
        declared=True,
        address=None,
        numa_node=said.get("numa_node"),
        capabilities=tuple(map(str, said.get("capabilities", ["int8", "matmul"]))),
        memory=Memory(total_bytes=None if mebibytes is None else mebibytes * 2**20, place="system"),
    )
