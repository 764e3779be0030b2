"""Who may use which device."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts

FOR_EVERYBODY = re.compile(
    r"/dev/(null|zero|full|random|urandom|tty|ptmx|pts/ptmx|fuse|net/tun|vsock|vhost-vsock|kvm|vfio/vfio|userfaultfd)"
)
"""Devices that are made to be shared: they hand out data of their own, or keep users apart in the kernel."""

MODES = {
    "/dev/null": (0o666, "root"),
    "/dev/zero": (0o666, "root"),
    "/dev/full": (0o666, "root"),
    "/dev/random": (0o666, "root"),
    "/dev/urandom": (0o666, "root"),
    "/dev/tty": (0o666, "tty"),
    "/dev/ptmx": (0o666, "tty"),
    "/dev/console": (0o600, "root"),
    "/dev/kmsg": (0o644, "root"),
}
"""Mode and group as systemd's own rules and the kernel give them (50-udev-default.rules; drivers/char/mem.c)."""


@pytest.fixture(scope="module")
def devices(host: Host) -> dict[str, tuple[str, int, str]]:
    """Every device node: type, mode and group by path."""
    lines = host.check_output(
        "find /dev -type c -printf 'c %m %g %p\\n' -o -type b -printf 'b %m %g %p\\n'"
    ).splitlines()
    fields = [line.split(maxsplit=3) for line in lines]
    return {path: (kind, int(mode, 8), group) for kind, mode, group, path in fields}


def test_well_known_devices_have_their_mode_and_group(devices: dict[str, tuple[str, int, str]]) -> None:
    assert {path: devices[path][1:] for path in MODES if path in devices} == MODES


def test_no_other_device_is_writable_for_everybody(devices: dict[str, tuple[str, int, str]]) -> None:
    writable = {path for path, (_, mode, _) in devices.items() if mode & 0o002}
    assert sorted(path for path in writable if not FOR_EVERYBODY.fullmatch(path)) == []


def test_no_disk_is_readable_for_everybody(devices: dict[str, tuple[str, int, str]]) -> None:
    assert sorted(path for path, (kind, mode, _) in devices.items() if kind == "b" and mode & 0o007) == []


def test_accelerators_belong_to_a_group_of_their_own(devices: dict[str, tuple[str, int, str]], facts: Facts) -> None:
    """Nodes are mlos-accel's where the image has it; the rest, and without that package all, are mlos-node's."""
    if "mlos-node" not in facts.installed:
        pytest.skip("the image has no mlos-node")
    ours = {
        path: rest[1:]
        for path, rest in devices.items()
        if re.fullmatch(r"/dev/(accel/accel\d+|udmabuf|dma_heap/system)", path)
    }
    if not ours:
        pytest.skip("this machine has no accelerator")
    nodes = "accel" if "mlos-accel" in facts.installed else "render"
    assert ours == {path: (0o660, nodes if path.startswith("/dev/accel/") else "render") for path in ours}
