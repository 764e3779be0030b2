# SPDX-License-Identifier: Apache-2.0
"""What is known of an accelerator. None means: not known; units stand in the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["gpu", "npu", "tpu", "sim", "other"]
UuidSource = Literal["vendor", "serial", "place"]
State = Literal["ok", "warning", "failed", "unknown"]
PowerState = Literal["active", "suspended", "off"]
KINDS: tuple[Kind, ...] = ("gpu", "npu", "tpu", "other", "sim")
"""In the order in which they are listed."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the device computes in."""

    total_bytes: int | None = None
    used_bytes: int | None = None
    place: Literal["device", "system"] | None = None
    """Its own memory, or the machine's."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How busy it is. Some drivers say it, others count: two readings of a counter make a load."""

    busy_permille: int | None = None
    """Of the driver's own last period, which is about a second."""
    busy_us: int | None = None
    """Microseconds in which it worked, since the driver started."""
    idle_us: int | None = None
    """Microseconds in which it slept; where nothing counts `busy_us`."""
    queues: int | None = None
    queue_depth: int | None = None
    """Jobs that wait or run."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What it was given since its driver started."""

    submitted: int | None = None
    done: int | None = None
    failed: int | None = None
    contexts: int | None = None
    """Programs that have it open."""
    model: int | None = None
    """Id of the model whose context is on it; 0: none."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """Electricity and heat."""

    state: PowerState | None = None
    milliwatts: int | None = None
    limit_milliwatts: int | None = None
    temperature_millicelsius: int | None = None


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A part of a device that programs see as a device of its own."""

    kind: Literal["mig", "compute"]
    name: str
    uuid: str | None = None
    memory_bytes: int | None = None
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Partitioning:
    """How a device is divided among programs or virtual machines."""

    mig: bool | None = None
    """NVIDIA's Multi-Instance GPU is on."""
    mps: bool | None = None
    """A control daemon of NVIDIA's Multi-Process Service runs."""
    compute_mode: str | None = None
    """AMD: SPX (one), DPX, TPX, QPX, CPX (one for each of its dies)."""
    compute_modes: tuple[str, ...] = ()
    """Those that can be chosen."""
    memory_mode: str | None = None
    """AMD: NPS1, NPS2, NPS4, NPS8."""
    partitions: tuple[Partition, ...] = ()
    virtual_functions: int | None = None
    """SR-IOV: those that exist."""
    virtual_functions_limit: int | None = None
    physical_function: str | None = None
    """This device is a virtual function of the one at this address."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether it works. `reasons` say why, if the state is neither `ok` nor `unknown`."""

    state: State = "unknown"
    reasons: tuple[str, ...] = ()
    corrected_errors: int | None = None
    uncorrected_errors: int | None = None
    """Of its memory and its units."""
    bus_errors_corrected: int | None = None
    bus_errors_uncorrected: int | None = None
    """PCI Express: as the device itself reports them (AER)."""
    resets: int | None = None


@dataclass(frozen=True, kw_only=True)
class Device:
    """An accelerator."""

    uuid: str
    """The same after a reboot; see `identity`."""
    uuid_source: UuidSource
    name: str = ""
    vendor: str = ""
    kind: Kind = "other"
    driver: str | None = None
    """None: no driver has it, so nothing can use it."""
    probe: str
    """What found it."""
    declared: bool = False
    """There is no such thing: a file says that one should be listed."""
    address: str | None = None
    """On its bus: `0000:01:00.0`, `1-4`, `fdab0000.npu`."""
    numa_node: int | None = None
    nodes: tuple[str, ...] = ()
    """Device nodes of its own."""
    shared_nodes: tuple[str, ...] = ()
    """Device nodes that every device of its kind needs besides, such as /dev/kfd."""
    capabilities: tuple[str, ...] = ()
    """What it can do, in the hub's words: `int8`, `matmul`, `import`."""
    memory: Memory = field(default_factory=Memory)
    load: Load = field(default_factory=Load)
    jobs: Jobs = field(default_factory=Jobs)
    power: Power = field(default_factory=Power)
    partitioning: Partitioning = field(default_factory=Partitioning)
    health: Health = field(default_factory=Health)
    details: Mapping[str, str] = field(default_factory=dict)
    """What only this vendor has, under words of its own."""
    notes: tuple[str, ...] = ()
    """Why something is not known that could be."""
