"""Partitions and file systems are as the config says."""

from __future__ import annotations

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.media("disk", "network")


def test_the_second_disk_has_the_partitions_of_the_config(host: Host) -> None:
    listed = host.check_output("lsblk --noheadings --list --output PARTLABEL,FSTYPE /dev/disk/by-id/virtio-disk0")
    assert [line.split() for line in listed.splitlines() if line.strip()] == [["models", "ext4"], ["scratch", "ext4"]]


def test_a_file_system_of_the_config_is_mounted_and_holds_the_file(host: Host) -> None:
    assert host.mount_point("/srv/models").filesystem == "ext4"
    assert host.file("/srv/models/README").content_string == "On the second disk.\n"


def test_an_encrypted_disk_of_the_config_is_open_and_holds_the_file(host: Host) -> None:
    assert host.mount_point("/srv/private").device == "/dev/mapper/private"
    assert host.file("/srv/private/README").content_string == "On the encrypted disk.\n"
    assert "type:    LUKS2" in host.check_output("cryptsetup status private")
    assert host.run("grep --quiet 'On the encrypted disk' /dev/disk/by-id/virtio-disk1").rc == 1


def test_what_is_appended_stands_behind_each_other(host: Host) -> None:
    assert host.file("/etc/motd.d/10-site").content_string == "Twice appended.\n"
