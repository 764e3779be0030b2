"""Accelerators on whatever image has the package: the software device of the hub, and programs that give it work."""

from __future__ import annotations

import json

import pytest
from programs import COMPUTE, FAULTS, SEALED
from testinfra.host import Host

from distrobuild.boot.facts import Facts

DRIVER = "accel_sim"

pytestmark = pytest.mark.main_image  # the others have the same kernel and packages


@pytest.fixture(autouse=True)
def _the_image_has_a_device(host: Host, facts: Facts) -> None:
    if "mlos-accel" not in facts.installed:
        pytest.skip("the image has no mlos-accel")
    if facts.symbols.get("DRM_ACCEL_SIM") is None:
        pytest.skip(f"this kernel was not asked for {DRIVER}")
    host.check_output(f"modprobe {DRIVER} && udevadm settle")


def python(host: Host, program: str) -> list[str]:
    """What a program prints, line by line."""
    if not host.exists("python3"):
        pytest.skip("the image has no Python")
    if "numpy" in program and host.run("python3 -c 'import numpy'").rc != 0:
        pytest.skip("the image has no NumPy")
    said: str = host.check_output("python3 -c %s", program)
    return said.splitlines()


def test_members_of_the_group_may_use_the_device(host: Host) -> None:
    # Each time it comes it may be another one.
    name = host.check_output("basename $(readlink /sys/class/accel_hub/0/accel)")
    told = host.check_output(f"stat --format='%F, %U, %G, %a' /dev/accel/{name}")
    assert told == "character special file, root, accel, 660"


def test_whatever_device_of_the_class_comes_the_hub_is_there_to_list_it(host: Host) -> None:
    # No emulated device has a driver that lives without the hub: ask udev what it would do.
    name = host.check_output("basename $(readlink /sys/class/accel_hub/0/accel)")
    rules = host.check_output(f"udevadm test --action=add /sys/class/accel/{name} 2>&1")
    assert "kmod load accel_hub" in rules


def test_the_library_keeps_its_promises_on_this_kernel(host: Host) -> None:
    done = host.run("/usr/libexec/mlos-accel/conformance")
    assert done.rc == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok ") > 20
    assert "SKIP no software accelerator" not in done.stdout


def test_a_program_in_python_computes_as_numpy_does(host: Host) -> None:
    assert python(host, COMPUTE) == [
        "int8 True",
        "fp32 True",
        "convolution True",
        "elements True False",
        "the right matrix is float32 (9, 8) and should be float32 (7, 8)",
        "the operand is float32 (9, 8) and should be float32 (1000,)",
        "8000 bytes cannot be copied into 4000",
        "4000 bytes from byte 100 are more than a buffer of 4096 has",
        "devices know no float64: int8, uint8, int32, uint32, float32",
    ]


def test_a_sealed_tensor_is_read_by_the_device_and_not_written(host: Host) -> None:
    if not host.file("/dev/tensor").exists:
        pytest.skip("this kernel has no /dev/tensor")
    product = "[0, 1, 2, 18, 22, 26]"
    assert python(host, SEALED) == [product, "True the job writes to what is for reading only", product]


def test_a_program_in_python_learns_how_jobs_fail_and_that_the_device_has_gone(host: Host) -> None:
    assert python(host, FAULTS) == [
        "TimeoutError ETIME",
        "JobFailed ECANCELED",
        "JobFailed ETIMEDOUT",
        "JobFailed EIO",
        "JobFailed ENODEV",
        "OSError ENODEV",
        "True",
    ]


def test_the_inventory_has_the_device_and_says_that_it_computes_rightly(host: Host) -> None:
    if not host.exists("python3"):
        pytest.skip("the image has no Python")
    assert "Software accelerator" in host.check_output("mlos-accel list")
    (device,) = (
        each for each in json.loads(host.check_output("mlos-accel json"))["devices"] if each["driver"] == DRIVER
    )
    assert device["kind"] == "sim"
    assert {"int8", "matmul", "import"} <= set(device["capabilities"])
    if host.run("python3 -c 'import numpy'").rc != 0:
        pytest.skip("the image has no NumPy")
    said = host.check_output(f"mlos-accel test {device['nodes'][0]}").splitlines()
    assert len(said) == 2  # matrices, and a copy
    assert all(line.endswith(": as NumPy") for line in said)
