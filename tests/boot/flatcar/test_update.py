"""A machine goes to the next version, and comes back by itself from versions that do not work, whatever breaks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import UPDATES, Before, offer, published, slot
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest

pytestmark = [pytest.mark.reboot, pytest.mark.media("disk")]
POWER_CUTS = int(os.environ.get("DISTROBUILD_POWER_CUTS", "1"))
"""At how many points of an update the power is cut; each costs a boot."""

FLIPPED = 1000
"""A byte in the superblock of the file system, which is read at every start."""
FAILED, PANIC, FLIPPED_BYTE = "failed unit", "kernel panic", "flipped byte"
UNITS = {
    FAILED: """\
[Service]
Type=oneshot
ExecStart=/bin/sh -c '. /usr/lib/os-release; [ $$IMAGE_VERSION != {version} ]'

[Install]
WantedBy=multi-user.target
""",
    PANIC: """\
[Unit]
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/sh -c '. /usr/lib/os-release; [ $$IMAGE_VERSION != {version} ] || echo c > /proc/sysrq-trigger'

[Install]
WantedBy=sysinit.target
""",
}
"""Each stands in /etc, which all versions see, and harms one."""


def version(host: Host) -> str:
    """IMAGE_VERSION of the system that runs."""
    return host.check_output(". /usr/lib/os-release && echo $IMAGE_VERSION")


def kernels(host: Host) -> list[str]:
    """What the boot loader can start."""
    return sorted(host.check_output("ls /boot/EFI/Linux").split())


def test_the_next_version_runs_from_the_other_slot(before: Before, host: Host, facts: Facts) -> None:
    assert version(host) == f"{facts.version}.1"
    assert {before.slot, slot(host)} == {"USR-A", "USR-B"}
    assert host.check_output("dmsetup status usr").split()[2:4] == ["verity", "V"]


def test_the_machine_is_whole_and_has_lost_nothing(before: Before, guest: Guest, host: Host) -> None:
    assert guest.state == "running"
    assert host.file("/var/lib/kept").content_string == host.file("/etc/kept").content_string == "kept\n"


def test_the_new_version_is_blessed(before: Before, host: Host, facts: Facts) -> None:
    assert kernels(host) == [f"{facts.name}_{facts.version}.1.efi", f"{facts.name}_{facts.version}.efi"]


def test_the_same_version_is_not_installed_again(before: Before, host: Host) -> None:
    assert "nothing to do" in host.check_output("update-image 2>&1")


@pytest.fixture(scope="module")
def offered(before: Before, guest: Guest, updates: list[Path]) -> None:
    """The version after the one that runs is there to be installed."""
    offer(guest, updates[1])


def test_a_payload_that_was_changed_is_refused_and_nothing_is_written(offered: None, host: Host, facts: Facts) -> None:
    payload = f"{facts.name}_{facts.version}.2.update"
    host.check_output(f"cp -r {UPDATES} /var/tmp/changed")
    host.check_output(f"printf X | dd of=/var/tmp/changed/{payload} bs=1 seek=5000000 conv=notrunc")
    start_of_the_slot = "head --bytes=16M /dev/disk/by-partlabel/USR-A | sha256sum"
    before = host.check_output(start_of_the_slot)
    refused = host.run("update-image file:///var/tmp/changed")
    assert refused.rc != 0
    assert "signature" in refused.stderr
    assert host.check_output(start_of_the_slot) == before
    host.check_output("rm -r /var/tmp/changed")


def test_power_may_be_cut_at_any_point_of_an_update(offered: None, guest: Guest, host: Host, facts: Facts) -> None:
    start = time.monotonic()
    host.check_output("update-image && rm /boot/EFI/Linux/*+1.efi && sync")
    whole = time.monotonic() - start
    for point in range(POWER_CUTS):
        host.check_output("systemd-run --unit=update update-image")
        time.sleep(whole * (point + 0.5) / POWER_CUTS)
        guest.cut_power()
        assert version(host) in {f"{facts.version}.1", f"{facts.version}.2"}
        assert host.file("/etc/kept").content_string == "kept\n"
        if version(host) == f"{facts.version}.2":  # the update was done before the cut
            host.check_output(f"rm /boot/EFI/Linux/{facts.name}_{facts.version}.2*.efi")
            guest.reboot()
    assert version(host) == f"{facts.version}.1"


@pytest.fixture(scope="module")
def installed(offered: None, guest: Guest, host: Host, updates: list[Path]) -> None:
    """The version after the one that runs stands in the other slot; it came from the web."""
    with published(guest, updates[1]) as address:
        host.check_output(f"update-image {address}")


@pytest.fixture(params=[FAILED, PANIC, FLIPPED_BYTE])
def broken(
    request: pytest.FixtureRequest, installed: None, guest: Guest, facts: Facts, tmp_path: Path
) -> Iterator[None]:
    """The machine was brought to a version that does not work in one of three ways, and came back."""
    host = guest.host
    newest = f"/boot/EFI/Linux/{facts.name}_{facts.version}.2"
    host.check_output(f"[ ! -e {newest}+0-1.efi ] || mv {newest}+0-1.efi {newest}+1.efi")
    if request.param in UNITS:
        unit = tmp_path / "broken.service"
        unit.write_text(UNITS[request.param].format(version=f"{facts.version}.2"))
        guest.send(unit, "/etc/systemd/system/broken.service")
        host.check_output("systemctl enable broken.service && sync")
    else:
        other = {"USR-A": "USR-B", "USR-B": "USR-A"}[slot(host)]
        host.check_output(f"printf X | dd of=/dev/disk/by-partlabel/{other} bs=1 seek={FLIPPED} conv=notrunc,fsync")
    guest.reboot(900, may_fail=True)
    yield
    host.check_output("systemctl disable broken.service; rm -f /etc/systemd/system/broken.service")


def test_the_version_before_runs_again_and_nothing_is_lost(broken: str, guest: Guest, host: Host, facts: Facts) -> None:
    assert version(host) == f"{facts.version}.1"
    assert guest.state == "running"
    assert host.file("/var/lib/kept").content_string == host.file("/etc/kept").content_string == "kept\n"
    assert kernels(host) == [f"{facts.name}_{facts.version}.1.efi", f"{facts.name}_{facts.version}.2+0-1.efi"]
