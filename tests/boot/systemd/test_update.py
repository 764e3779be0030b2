"""A machine goes to the next version, and comes back by itself from one that does not work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest

pytestmark = pytest.mark.reboot
FLIPPED_BYTE = 1000
"""In the superblock of the file system, which is read at every start."""


def version(host: Host) -> str:
    """IMAGE_VERSION of the system that runs."""
    return host.check_output(". /etc/os-release && echo $IMAGE_VERSION")


def install(guest: Guest, update: Path) -> None:
    """Bring the files of an update to the machine and let systemd-sysupdate install them."""
    guest.host.check_output("mkdir -p /var/lib/updates && rm -f /var/lib/updates/*")
    for file in sorted(update.glob("mlos_*")):
        guest.send(file, f"/var/lib/updates/{file.name}")
    guest.host.check_output("update-image")


@pytest.fixture(scope="module")
def updated(guest: Guest, host: Host, updates: list[Path]) -> str:
    """The machine runs the next version; return the one before."""
    before = version(host)
    host.check_output("echo kept > /var/lib/kept && echo kept > /etc/kept")
    install(guest, updates[0])
    guest.reboot()
    return before


def test_the_next_version_runs_from_the_other_slot(updated: str, host: Host, facts: Facts) -> None:
    assert updated == facts.version
    assert version(host) == f"{facts.version}.1"
    assert host.check_output("dmsetup status usr").split()[2:4] == ["verity", "V"]


def test_the_machine_is_whole_and_has_lost_nothing(updated: str, guest: Guest, host: Host) -> None:
    assert guest.state == "running"
    assert host.file("/var/lib/kept").content_string == host.file("/etc/kept").content_string == "kept\n"


def test_the_new_version_is_blessed(updated: str, host: Host, facts: Facts) -> None:
    names = host.check_output("ls /boot/EFI/Linux").split()
    assert sorted(names) == [f"{facts.name}_{facts.version}.1.efi", f"{facts.name}_{facts.version}.efi"]


@pytest.fixture(scope="module")
def survived(updated: str, guest: Guest, updates: list[Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The machine was brought to a version whose /usr has a flipped byte."""
    broken = tmp_path_factory.mktemp("broken")
    for file in updates[1].iterdir():
        shutil.copyfile(file, broken / file.name)
    (usr,) = broken.glob("*.usr.raw")
    with usr.open("r+b") as image:
        image.seek(FLIPPED_BYTE)
        byte = image.read(1)
        image.seek(FLIPPED_BYTE)
        image.write(bytes([byte[0] ^ 1]))
    install(guest, broken)
    guest.reboot(900, may_fail=True)


def test_a_version_with_a_flipped_byte_does_not_run(survived: None, guest: Guest, host: Host, facts: Facts) -> None:
    assert version(host) == f"{facts.version}.1"
    assert guest.state == "running"
    assert "device-mapper: verity" in guest.console.text


def test_its_tries_are_used_up(survived: None, host: Host, facts: Facts) -> None:
    assert f"{facts.name}_{facts.version}.2+0-3.efi" in host.check_output("ls /boot/EFI/Linux").split()


def test_the_state_is_that_of_the_last_good_version(survived: None, host: Host) -> None:
    assert host.file("/var/lib/kept").content_string == host.file("/etc/kept").content_string == "kept\n"
