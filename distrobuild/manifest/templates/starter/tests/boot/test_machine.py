"""What must be true of the booted image; `host` is the running guest (testinfra)."""

from __future__ import annotations

from testinfra.host import Host


def test_nothing_failed_on_the_way_up(host: Host) -> None:
    assert host.check_output("systemctl list-units --state=failed --plain --no-legend") == ""


def test_the_site_defaults_are_in_force(host: Host) -> None:
    assert host.package("site-defaults").is_installed
    assert host.sysctl("kernel.panic") == 10
