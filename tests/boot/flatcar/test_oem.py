"""The config in the partition OEM sets the machine up when it is started for the first time once more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from testinfra.host import Host

from distrobuild.boot.guest import Guest

FILE = {"path": "/etc/from-oem", "contents": {"source": "data:,by%20the%20maker"}}
CONFIG = {"ignition": {"version": "3.3.0"}, "storage": {"files": [FILE]}}

pytestmark = pytest.mark.media("disk")


def test_the_partition_is_mounted(host: Host) -> None:
    assert host.mount_point("/oem").exists
    assert host.check_output("findmnt --noheadings --output LABEL /oem") == "OEM"


@pytest.mark.reboot
def test_its_config_is_applied_and_wins_over_the_platforms(guest: Guest, host: Host, tmp_path: Path) -> None:
    (tmp_path / "config.ign").write_text(json.dumps(CONFIG))
    guest.send(tmp_path / "config.ign", "/oem/config.ign")
    host.check_output("rm /opt/models/README")
    host.check_output("mv /boot/loader/first-boot.addon.efi /boot/loader/addons/ && sync")
    guest.reboot()
    assert guest.state == "running"
    assert host.file("/etc/from-oem").content_string == "by the maker"
    assert not host.file("/opt/models/README").exists
    host.check_output("rm /oem/config.ign")
