"""systemd finds /usr by the root hash, and a second slot waits for the next version."""

from __future__ import annotations

import json
import shlex

from testinfra.host import Host

from distrobuild.boot.facts import Facts


def test_usr_is_verified_and_found_by_its_root_hash(host: Host) -> None:
    assert host.check_output("dmsetup status usr").split()[2:4] == ["verity", "V"]
    words = dict(word.partition("=")[::2] for word in shlex.split(host.file("/proc/cmdline").content_string))
    guids = {each["partuuid"].replace("-", "") for each in partitions(host) if each["partuuid"]}
    assert {words["usrhash"][:32], words["usrhash"][-32:]} <= guids


def test_slot_a_is_named_for_the_version_and_slot_b_is_free(host: Host, facts: Facts) -> None:
    names = [each["partlabel"] for each in partitions(host) if each["partlabel"]]
    used = f"{facts.name}_{facts.version}"
    assert names == ["esp", used, f"{used}_verity", "_empty", "_empty", "root"]


def test_the_first_boot_is_over(host: Host) -> None:
    assert not host.file("/boot/loader/addons/first-boot.addon.efi").exists


def partitions(host: Host) -> list[dict[str, str]]:
    """Name and GUID of each partition, in the order of the disk."""
    disk = host.check_output("lsblk --noheadings --paths --output PKNAME /dev/disk/by-label/ROOT")
    listed = json.loads(host.check_output(f"lsblk --json --list --output PARTLABEL,PARTUUID {disk}"))
    found: list[dict[str, str]] = listed["blockdevices"]
    return found
