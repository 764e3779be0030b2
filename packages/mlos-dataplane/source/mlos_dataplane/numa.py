# SPDX-License-Identifier: Apache-2.0
"""Memory of chosen NUMA nodes, and which node is near. See dp_numa(3).

from mlos_dataplane import numa

samples = numa.allocate(1 << 30, nodes=[numa.node_of_device("/dev/nvme0n1")], huge=None)
"""

from __future__ import annotations

import ctypes
import enum
import os
import weakref
from collections.abc import Sequence

from mlos_dataplane.library import fail, library

_HUGE, _HUGE_TRY, _POPULATE = 1, 2, 4


class Policy(enum.IntEnum):
    """What the kernel does about nodes that are full."""

    PREFERRED = 0
    """These nodes while they have room, then any other."""
    STRICT = 1
    """These nodes or none."""
    INTERLEAVE = 2
    """Page after page from one node after the other."""


class _Request(ctypes.Structure):
    _fields_ = [
        ("policy", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("nodes", ctypes.POINTER(ctypes.c_uint)),
        ("count", ctypes.c_size_t),
    ]


def allocate(
    size: int,
    nodes: Sequence[int] = (0,),
    policy: Policy = Policy.PREFERRED,
    *,
    huge: bool | None = False,
    populate: bool = False,
) -> memoryview:
    """So many zeroed bytes on these nodes, which go when no view or array of them is left.

    `huge=True` takes the machine's reserved 2 MiB pages (`size` is a multiple of that), None such where there are any
    and else transparent ones; `populate` allocates now and not at the first use. Raises OSError: EINVAL for a node that
    is not there or has no memory, ENOMEM, EPERM where a container may not choose.
    """
    if size < 0 or any(not 0 <= node < 2**32 for node in nodes):
        raise ValueError("sizes and numbers of nodes are positive")
    flags = _HUGE_TRY if huge is None else _HUGE if huge else 0
    flags |= _POPULATE if populate else 0
    request = _Request(policy, flags, (ctypes.c_uint * len(nodes))(*nodes), len(nodes))
    address = library.dp_numa_alloc(size, ctypes.byref(request))
    if not address:
        raise fail()
    memory = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(memory, library.dp_numa_free, address, size).atexit = False
    return memoryview(memory).cast("B")


def node_of(memory: memoryview, offset: int = 0) -> int:
    """The node that has the page of a byte of writable memory. Raises FileNotFoundError before its first use."""
    return _known(library.dp_numa_node_of(ctypes.addressof(ctypes.c_ubyte.from_buffer(memory, offset))))


def node_of_cpu(cpu: int) -> int:
    """The node that a processor belongs to. Raises OSError: EINVAL if there is no such processor."""
    return _known(library.dp_numa_node_of_cpu(cpu))


def node_of_device(path: str | os.PathLike[str]) -> int:
    """The node that a device is attached to, by its file or its folder below /sys.

    Raises OSError: ENODATA if the machine does not say, ENODEV if it is no device.
    """
    return _known(library.dp_numa_node_of_device(os.fsencode(path)), os.fspath(path))


def distance(origin: int, to: int) -> int:
    """How far a node's memory is: 10 is its own, 20 takes twice as long. Raises OSError: EINVAL for no such node."""
    return _known(library.dp_numa_distance(origin, to))


def _known(number: int, path: str | None = None) -> int:
    if number < 0:
        raise fail(path)
    return number
