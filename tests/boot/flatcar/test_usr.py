"""/usr is one verified, read-only file system, and all else comes out of it."""

from __future__ import annotations

import shlex

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts


@pytest.mark.media("disk")
def test_usr_is_mounted_read_only_from_the_verity_device(host: Host) -> None:
    # A merged system extension lies over it, and is the last in the list.
    source, _, kind, options = host.check_output("grep ' /usr ' /proc/mounts | head -1").split()[:4]
    assert (source, kind) == ("/dev/mapper/usr", "squashfs")
    assert "ro" in options.split(",")
    assert host.run("touch /usr/x").rc != 0


@pytest.mark.media("disk")
def test_the_kernel_vouches_for_every_block_of_usr(host: Host) -> None:
    assert host.check_output("dmsetup status usr").split()[2:4] == ["verity", "V"]


@pytest.mark.media("disk")
def test_the_root_hash_is_that_of_the_command_line(host: Host) -> None:
    words = dict(word.partition("=")[::2] for word in shlex.split(host.file("/proc/cmdline").content_string))
    assert words["usrhash"] in host.check_output("dmsetup table usr").split()


def test_the_image_does_not_call_itself_flatcar(host: Host, facts: Facts) -> None:
    fields = dict(word.split("=", 1) for word in shlex.split(host.file("/etc/os-release").content_string))
    assert (fields["ID"], fields["ID_LIKE"]) == (facts.name, "debian")
    assert not any("flatcar" in value.lower() for value in fields.values())


def test_etc_shows_the_images_files_under_those_of_the_machine(host: Host) -> None:
    assert host.check_output("findmnt --noheadings --output FSTYPE /etc") == "overlay"
    assert host.check_output("cmp /etc/services /usr/share/factory/etc/services && echo same") == "same"
    assert host.run("touch /etc/of-this-machine").rc == 0


def test_our_packages_are_in_it(host: Host, facts: Facts) -> None:
    for name in facts.installed:
        assert host.package(name).is_installed, name
