"""The kernel of a machine with accelerators: each device is taken by its driver, which finds its firmware."""

from __future__ import annotations

import pytest
from driver_table import DRIVERS, MODULES, Driver, line_of, modalias, of_line
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.formats import kconfig

PACKED = ("", ".zst", ".xz")
"""Endings of firmware, as the distributions pack it."""


@pytest.fixture(scope="module")
def release(host: Host) -> str:
    return host.check_output("uname -r")


@pytest.fixture(params=DRIVERS, ids=lambda driver: f"{driver.module}-{driver.devices[0]}")
def driver(request: pytest.FixtureRequest, release: str) -> Driver:
    """A driver that this line of the kernel has."""
    wanted: Driver = request.param
    if line_of(release) < wanted.since:
        pytest.skip(f"Linux {release} does not have it yet")
    return wanted


def test_each_device_is_taken_by_its_driver(host: Host, driver: Driver) -> None:
    taken = {
        device: host.run("modprobe --resolve-alias %s", modalias(device)).stdout.split() for device in driver.devices
    }
    assert [device for device, modules in taken.items() if driver.module not in modules] == []


def test_the_module_names_its_firmware(host: Host, driver: Driver) -> None:
    named = host.check_output("modinfo --field firmware %s", driver.module).split()
    assert set(driver.firmware) <= set(named)


def test_the_driver_is_a_module(host: Host, driver: Driver) -> None:
    config = kconfig.parse_config(host.check_output("zcat /proc/config.gz"))
    assert config.get(driver.symbol) == "m"


def test_the_firmware_of_each_driver_that_was_asked_for_is_there(host: Host, facts: Facts, release: str) -> None:
    """That of its oldest devices: a base has not heard of those that came after it."""
    asked = {MODULES[name] for name in facts.drivers if name in MODULES}
    drivers = [driver for driver in of_line(line_of(release)) if driver.module in asked and driver.firmware]
    if not drivers:
        pytest.skip("the image is for no accelerator")
    oldest = {driver.module: driver.firmware[0] for driver in reversed(drivers)}
    missing = [
        name
        for name in oldest.values()
        if not any(host.file(f"/usr/lib/firmware/{name}{ending}").exists for ending in PACKED)
    ]
    assert missing == []


def test_modules_that_were_made_for_this_kernel_load_in_it(host: Host, facts: Facts, release: str) -> None:
    """What an image has of a driver that the kernel lacks: its index knows the module, which was made for no other."""
    if "nvidia-open" not in facts.drivers:
        pytest.skip("the image has no such driver")
    assert host.check_output("modinfo --field vermagic nvidia-current-open").startswith(f"{release} ")
    # NVIDIA H100, a 3D controller.
    assert "nvidia" in host.check_output("modprobe --resolve-alias %s", modalias("10de:2330:0302"))
    # It comes as far as to look for a device: the kernel has all that it calls, and takes its signature.
    loaded = host.run("modprobe nvidia-current-open")
    assert loaded.rc == 0 or "No such device" in loaded.stderr, loaded.stderr


def test_the_kernel_takes_the_signatures_of_its_modules(host: Host, facts: Facts) -> None:
    config = kconfig.parse_config(host.check_output("zcat /proc/config.gz"))
    if config.get("MODULE_SIG_ALL") != "y":
        pytest.skip("the modules of this kernel are not signed")
    modules = ["intel_vpu", "xe", *(["nvidia-current-open-uvm"] if "nvidia-open" in facts.drivers else [])]
    assert [name for name in modules if not host.check_output("modinfo --field signer %s", name)] == []
    host.check_output("modprobe intel_vpu")
    unsigned = 1 << 13  # TAINT_UNSIGNED_MODULE (Documentation/admin-guide/tainted-kernels.rst)
    assert int(host.check_output("cat /proc/sys/kernel/tainted")) & unsigned == 0
