"""The system is up, whole and quiet."""

from __future__ import annotations

from testinfra.host import Host

from distrobuild.boot.guest import Guest
from distrobuild.boot.signs import trouble_in


def test_the_system_state_is_running(guest: Guest) -> None:
    assert guest.state == "running"


def test_no_unit_has_failed(host: Host) -> None:
    failed = host.check_output("systemctl list-units --state=failed --plain --no-legend --no-pager")
    assert failed == ""


def test_the_console_shows_no_trouble(guest: Guest) -> None:
    assert [str(finding) for finding in guest.findings] == []


def test_the_kernel_log_shows_no_trouble(host: Host) -> None:
    lines = host.check_output("dmesg").splitlines()
    assert [line for line in lines if trouble_in(line)] == []
