"""Ignition has set the machine up as its config says."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

# Other media are booted without a config.
pytestmark = pytest.mark.media("disk", "network")


def test_the_user_is_there(host: Host) -> None:
    core = host.user("core")
    assert core.exists
    assert "sudo" in core.groups
    assert host.file("/home/core").user == "core"


def test_files_folders_and_links_are_there(host: Host) -> None:
    assert host.file("/opt/models").mode == 0o755
    assert host.file("/etc/models/README").content_string == "Models of this machine stand here.\n"
    assert host.file("/etc/models").linked_to == "/opt/models"


def test_a_file_of_the_image_is_replaced(host: Host) -> None:
    assert host.check_output("hostname") == "mlos-flatcar"


def test_the_enabled_unit_has_run(host: Host) -> None:
    assert host.service("provisioned.service").is_enabled
    assert host.file("/run/provisioned").content_string == "by Ignition\n"


def test_the_machine_id_was_made_by_this_machine(host: Host) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", host.file("/etc/machine-id").content_string.strip())
    assert not host.file("/usr/share/factory/etc/machine-id").exists
