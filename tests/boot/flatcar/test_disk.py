"""The disk has Flatcar's layout, and its first boot made it the disk of one machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.media("disk")
IMAGE_GUID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def table(host: Host) -> dict[str, Any]:
    """The partition table, as sfdisk writes it."""
    disk = host.check_output("lsblk --noheadings --paths --output PKNAME /dev/disk/by-label/ROOT")
    found: dict[str, Any] = json.loads(host.check_output(f"sfdisk --json {disk}"))["partitiontable"]
    return found


def test_the_disk_has_a_guid_of_its_own(table: dict[str, Any]) -> None:
    assert table["id"].lower() != IMAGE_GUID


def test_the_partitions_are_flatcars(table: dict[str, Any]) -> None:
    names = [partition["name"] for partition in table["partitions"]]
    assert names == ["EFI-SYSTEM", "BIOS-BOOT", "USR-A", "USR-B", "OEM", "OEM-CONFIG", "ROOT"]


def test_the_root_can_be_written_and_grows_to_the_end_of_its_partition(host: Host, table: dict[str, Any]) -> None:
    (root,) = (partition for partition in table["partitions"] if partition["name"] == "ROOT")
    kibibytes = int(host.check_output("df --output=size --block-size=1K / | tail -1"))
    assert kibibytes > root["size"] // 2 * 0.9


def test_the_first_boot_is_over(host: Host) -> None:
    assert not host.file("/boot/loader/addons/first-boot.addon.efi").exists
    assert host.file("/boot/EFI/Linux").exists
