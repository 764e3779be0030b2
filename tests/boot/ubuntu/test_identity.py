"""The machine says what it is, and shares its secrets and its identity with no other."""

from __future__ import annotations

import re
import shlex

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts

LAYERS = "/run/live/rootfs"
"""Where live-boot mounts what stands on the medium."""


def test_os_release_names_the_distribution(host: Host, facts: Facts) -> None:
    if facts.name is None or "mlos-release" not in facts.installed:
        pytest.skip("the facts name no distribution, or the image has no mlos-release")
    lines = host.file("/etc/os-release").content_string.splitlines()
    fields = {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines if "=" in line)}
    assert (fields["ID"], fields["VERSION_ID"]) == (facts.name, facts.version)


def test_the_machine_id_was_made_by_this_machine(host: Host) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", host.file("/etc/machine-id").content_string.strip())
    assert shipped(host, "etc/machine-id -size +0 -not -exec grep -qx uninitialized {} ;") == []


def test_no_host_key_is_shipped(host: Host) -> None:
    assert host.file("/etc/ssh/ssh_host_ed25519_key").exists
    assert shipped(host, "etc/ssh/ssh_host_*") == []


def test_no_random_seed_is_shipped(host: Host) -> None:
    assert shipped(host, "var/lib/systemd/random-seed") == []


def test_the_host_name_is_set(host: Host) -> None:
    assert host.check_output("hostname") not in {"", "localhost", "(none)"}


def shipped(host: Host, what: str) -> list[str]:
    """Files of the medium's root file systems that match; `what` is a path below each, then tests of find(1)."""
    layers = host.check_output(f"ls {LAYERS}").splitlines()
    assert layers
    pattern, _, tests = what.partition(" ")
    command = f"find {LAYERS}/*/ -maxdepth 4 -type f -path '{LAYERS}/*/{pattern}' {tests.replace(';', chr(92) + ';')}"
    return host.check_output(command).splitlines()
