"""Which driver of the kernel has which accelerator: what a `server` kernel must bind, on each line.

Devices are vendor and device of PCI, or its class; each is one that the driver takes without a parameter. Sources:
the tables of devices in the drivers' own code, drivers/accel, drivers/gpu/drm and drivers/dma of 6.12 and 7.2.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Line = tuple[int, int]
"""A line of the kernel: `(6, 12)`."""


@dataclass(frozen=True)
class Driver:
    """A module, the symbol that makes it, devices that it binds, firmware that it names; all of that from `since` on.

    `devices` are modaliases in short: `8086:7d1d`, or `1002:*:1200` with a class.
    """

    module: str
    symbol: str
    devices: tuple[str, ...]
    firmware: tuple[str, ...] = ()
    since: Line = (6, 12)


DRIVERS = (
    # Meteor, Arrow, Lunar and Panther Lake; then Wildcat and Nova Lake.
    Driver(
        "intel_vpu",
        "DRM_ACCEL_IVPU",
        ("8086:7d1d", "8086:ad1d", "8086:643e", "8086:b03e"),
        ("intel/vpu/vpu_37xx_v1.bin", "intel/vpu/vpu_40xx_v1.bin", "intel/vpu/vpu_50xx_v1.bin"),
    ),
    Driver("intel_vpu", "DRM_ACCEL_IVPU", ("8086:fd3e", "8086:d71d"), ("intel/vpu/vpu_60xx_v1.bin",), since=(7, 2)),
    Driver(
        "amdxdna",
        "DRM_ACCEL_AMDXDNA",
        ("1022:1502", "1022:17f0", "1022:17f2", "1022:17f3", "1022:1b0b", "1022:1b0c"),
        ("amdnpu/1502_00/npu.sbin", "amdnpu/17f0_10/npu.sbin", "amdnpu/17f0_11/npu.sbin", "amdnpu/17f0_20/npu.sbin"),
        since=(7, 2),
    ),
    # Goya, Gaudi, Gaudi with its security on, Gaudi 2.
    Driver(
        "habanalabs",
        "DRM_ACCEL_HABANALABS",
        ("1da3:0001", "1da3:1000", "1da3:1010", "1da3:1020"),
        ("habanalabs/gaudi/gaudi-boot-fit.itb", "habanalabs/gaudi/gaudi-fit.itb", "habanalabs/gaudi/gaudi_tpc.bin"),
    ),
    # AIC080, AIC100, AIC200: it names no firmware, and asks for it by the version of the card (qcom/aic100/).
    Driver("qaic", "DRM_ACCEL_QAIC", ("17cb:a080", "17cb:a100")),
    Driver("qaic", "DRM_ACCEL_QAIC", ("17cb:a110",), since=(7, 2)),
    # Everything of AMD that is a display, or class 1200, as Instinct cards are.
    Driver(
        "amdgpu",
        "DRM_AMDGPU",
        ("1002:744c:0300", "1002:74a1:1200", "1002:1586:0380"),
        ("amdgpu/psp_13_0_6_sos.bin", "amdgpu/gc_12_0_1_imu.bin"),
    ),
    # Lunar Lake, Battlemage; then Panther Lake.
    Driver("xe", "DRM_XE", ("8086:64a0:0300", "8086:e20b:0300"), ("xe/lnl_guc_70.bin", "xe/bmg_guc_70.bin")),
    Driver("xe", "DRM_XE", ("8086:b080:0300", "8086:e223:0300"), ("xe/ptl_guc_70.bin",), since=(7, 2)),
    # Data Streaming and In-Memory Analytics Accelerators of Sapphire Rapids.
    Driver("idxd", "INTEL_IDXD", ("8086:0b25", "8086:0cfe")),
)

MODULES = {"amdgpu": "amdgpu", "amdxdna": "amdxdna", "ivpu": "intel_vpu", "qaic": "qaic", "xe": "xe"}
"""Module of each driver of the manifest that the kernel has."""


def of_line(line: Line) -> tuple[Driver, ...]:
    """What a line of the kernel has."""
    return tuple(driver for driver in DRIVERS if driver.since <= line)


def line_of(release: str) -> Line:
    """`(6, 12)` for `6.12.117-mlos-server`."""
    major, minor = re.findall(r"\d+", release)[:2]
    return int(major), int(minor)


def modalias(device: str) -> str:
    """What the kernel calls such a device (Documentation/ABI/testing/sysfs-bus-pci), as modprobe is asked for it."""
    vendor, number, *rest = device.split(":")
    (code,) = rest or ("1200",)
    return (
        f"pci:v{int(vendor, 16):08X}d{int(number, 16):08X}sv00000000sd00000000"
        f"bc{code[:2].upper()}sc{code[2:].upper()}i00"
    )


def unbound(driver: Driver, aliases: Iterable[str]) -> Iterator[str]:
    """Devices of the table that no alias of the module fits."""
    patterns = list(aliases)
    for device in driver.devices:
        if not any(fnmatch.fnmatchcase(modalias(device), pattern) for pattern in patterns):
            yield device
