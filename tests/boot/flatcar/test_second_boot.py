"""What a machine is after its first boot, it stays: Ignition runs once, and nothing that was changed is lost."""

from __future__ import annotations

import pytest
from machine import Before, Identity
from testinfra.host import Host

from distrobuild.boot.guest import Guest

pytestmark = [pytest.mark.reboot, pytest.mark.media("disk")]


def test_the_system_runs_again(before: Before, guest: Guest, host: Host) -> None:
    assert guest.state == "running"
    assert "ignition.firstboot" not in host.file("/proc/cmdline").content_string


def test_ignition_did_not_run_again(before: Before, host: Host) -> None:
    assert host.file("/opt/models/README").content_string == "changed\n"
    assert host.run("journalctl --boot --unit=ignition-files.service --grep=.").rc != 0


def test_it_is_the_same_machine(before: Before, host: Host) -> None:
    assert Identity.of(host) == before.identity


def test_users_and_files_are_kept(before: Before, host: Host) -> None:
    assert host.user("ada").home == "/home/ada"
    assert host.file("/home/ada").user == "ada"
    assert host.file("/etc/kept").content_string == host.file("/var/lib/kept").content_string == "kept\n"


def test_the_disks_that_ignition_made_are_mounted_again(before: Before, host: Host) -> None:
    assert host.file("/srv/models/kept").content_string == "kept\n"
    assert host.file("/srv/models/README").content_string == "On the second disk.\n"
    assert host.file("/srv/private/README").content_string == "On the encrypted disk.\n"


def test_what_was_removed_below_etc_stays_away(before: Before, host: Host) -> None:
    assert not host.file("/etc/services").exists
    assert host.file("/usr/share/factory/etc/services").exists
