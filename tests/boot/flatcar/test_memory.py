"""A system that was started without a disk has all of itself in memory, and touches no disk."""

from __future__ import annotations

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.media("network", "cdrom", "usb")


def test_usr_is_the_read_only_squashfs_that_came_with_the_kernel(host: Host) -> None:
    # A merged system extension lies over it, and is the last in the list.
    source, _, kind, options = host.check_output("grep ' /usr ' /proc/mounts | head -1").split()[:4]
    assert source.startswith("/dev/loop")
    assert kind == "squashfs"
    assert "ro" in options.split(",")
    assert host.run("touch /usr/x").rc != 0
    backing = host.check_output(f"cat /sys/block/{source.removeprefix('/dev/')}/loop/backing_file")
    assert backing.startswith("/usr.squashfs")


def test_the_root_is_in_memory_and_whole(host: Host) -> None:
    assert host.check_output("findmnt --noheadings --output FSTYPE /") == "tmpfs"
    assert host.check_output("findmnt --noheadings --output FSTYPE /etc") == "overlay"
    assert host.run("touch /var/lib/of-this-machine").rc == 0
    for link in ("/bin", "/lib", "/sbin"):
        assert host.file(link).is_symlink


def test_no_disk_is_in_use(host: Host) -> None:
    mounted = host.check_output("findmnt --noheadings --real --output SOURCE,FSTYPE").splitlines()
    assert [line.split()[0] for line in mounted if line.split()[0].startswith("/dev/")] == ["/dev/loop0"]
    swaps = host.check_output("cat /proc/swaps").splitlines()[1:]
    assert [line for line in swaps if not line.startswith("/dev/zram")] == []


def test_ignition_runs_at_every_start(host: Host) -> None:
    assert host.run("journalctl --boot --unit=ignition-files.service --grep=.").rc == 0
