# SPDX-License-Identifier: Apache-2.0
"""What a machine looks like: nodes, their processors and memory, distances, and caches. See dp_topology(3).

from mlos_dataplane import topology

for node in topology.read().nodes:
    print(node.number, node.cpus, node.bytes, node.near)
"""

from __future__ import annotations

import ctypes
import enum
import errno
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlos_dataplane.library import DataplaneError, fail


class NoTopology(DataplaneError):
    """The library of topologies, or hwloc that it needs, is not on this machine."""

    hint = "Install hwloc (Debian: libhwloc15, Gentoo: sys-apps/hwloc); everything else here works without it."


class CacheKind(enum.IntEnum):
    """What a cache is for."""

    UNIFIED = 0
    DATA = 1
    INSTRUCTION = 2


@dataclass(frozen=True)
class Node:
    """A node with memory."""

    number: int
    cpus: tuple[int, ...]
    """Those for which no other node is nearer; empty for memory without processors."""
    bytes: int
    near: tuple[int, ...]
    """The nodes from the nearest on, which is the node itself."""
    distances: tuple[int, ...]
    """How far those are: 10 is a node's own, 20 takes twice as long."""


@dataclass(frozen=True)
class Cache:
    """A cache, and who shares it."""

    kind: CacheKind
    level: int
    bytes: int
    line: int
    """Bytes; 0: not said."""
    first_cpu: int
    cpus: int
    """How many share it."""


@dataclass(frozen=True)
class Topology:
    """A machine."""

    nodes: tuple[Node, ...]
    caches: tuple[Cache, ...]

    def node_of_cpu(self, cpu: int) -> int:
        """The nearest node that has memory. Raises ValueError if there is no such processor, or it is offline."""
        for node in self.nodes:
            if cpu in node.cpus:
                return node.number
        raise ValueError(f"no processor {cpu}")


class _Node(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint), ("cpus", ctypes.c_uint), ("bytes", ctypes.c_uint64)]


class _Cache(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("level", ctypes.c_uint),
        ("line", ctypes.c_uint),
        ("first_cpu", ctypes.c_uint),
        ("cpus", ctypes.c_uint),
        ("bytes", ctypes.c_uint64),
    ]


_POINTER, _SIZE, _NUMBER, _UNSIGNED, _COUNT = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint, ctypes.c_ssize_t,
)  # fmt: skip
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "read": (_POINTER,),
    "free": (None, _POINTER),
    "nodes": (_COUNT, _POINTER, _POINTER, _SIZE),
    "caches": (_COUNT, _POINTER, _POINTER, _SIZE),
    "cpus": (_COUNT, _POINTER, _UNSIGNED, _POINTER, _SIZE),
    "near": (_COUNT, _POINTER, _UNSIGNED, _POINTER, _SIZE),
    "distance": (_NUMBER, _POINTER, _UNSIGNED, _UNSIGNED),
}


@functools.cache
def _library() -> ctypes.CDLL:
    """The installed library, or the one that MLOS_DATAPLANE_TOPOLOGY_LIBRARY names. Raises `NoTopology`."""
    name = os.environ.get("MLOS_DATAPLANE_TOPOLOGY_LIBRARY", "libdataplane-topology.so.1")
    try:
        found = ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise NoTopology(errno.ENOTSUP, f"{error}") from None
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(found, f"dp_topology_{name}")
        function.restype, function.argtypes = result, arguments
    return found


def read() -> Topology:
    """Ask hwloc, whose variables of the environment may describe another machine. Raises `NoTopology`, OSError."""
    library = _library()
    machine = library.dp_topology_read()
    if not machine:
        raise fail()
    try:
        nodes = tuple(_node(library, machine, node) for node in _table(_Node, library.dp_topology_nodes, machine))
        return Topology(nodes, tuple(map(_cache, _table(_Cache, library.dp_topology_caches, machine))))
    finally:
        library.dp_topology_free(machine)


def _table(kind: Any, function: Callable[..., int], *arguments: int) -> Any:
    """All entries of one of the library's tables, as an array of such structures or numbers."""
    entries = (kind * function(*arguments, None, 0))()
    function(*arguments, entries, len(entries))
    return entries


def _node(library: ctypes.CDLL, machine: int, node: _Node) -> Node:
    number = node.number
    near = tuple(_table(_UNSIGNED, library.dp_topology_near, machine, number))
    return Node(
        number=number,
        cpus=tuple(_table(_UNSIGNED, library.dp_topology_cpus, machine, number)),
        bytes=node.bytes,
        near=near,
        distances=tuple(library.dp_topology_distance(machine, number, other) for other in near),
    )


def _cache(cache: _Cache) -> Cache:
    return Cache(CacheKind(cache.kind), cache.level, cache.bytes, cache.line, cache.first_cpu, cache.cpus)
