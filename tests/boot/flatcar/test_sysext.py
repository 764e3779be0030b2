"""The system extension that Ignition brought lies over /usr, and can be taken away again."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

# Other media are booted without a config.
pytestmark = pytest.mark.media("disk", "network")
RELEASE = "/usr/lib/extension-release.d/extension-release.mlos"


def test_the_extension_is_merged(host: Host) -> None:
    merged = json.loads(host.check_output("systemd-sysext status --json=short"))
    (usr,) = (each for each in merged if each["hierarchy"] == "/usr")
    assert usr["extensions"] == ["mlos"]
    assert host.file(RELEASE).exists


def test_its_unit_runs_while_it_is_there(host: Host) -> None:
    assert "mlos-role.service" in host.check_output("systemctl show --property=Upholds multi-user.target")
    assert host.service("mlos-role.service").is_running


def test_it_can_be_taken_away_and_put_back(host: Host) -> None:
    host.check_output("systemd-sysext unmerge")
    assert not host.file(RELEASE).exists
    host.check_output("systemd-sysext refresh")
    assert host.file(RELEASE).exists
