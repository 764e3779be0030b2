"""Our packages come from our repository, the package system is sound, and it stays so without a network."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts

UPDATE = "timeout 300 apt-get -o Acquire::Retries=0 -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5 update"
"""The guest has no way out: every address must fail, in time that a person would wait."""
TIMED_OUT = 124


def installed_versions(host: Host) -> dict[str, str]:
    lines = host.check_output("dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n'").splitlines()
    fields = [line.split() for line in lines]
    return {name: version for name, version, status in fields if status == "installed"}


def test_our_packages_are_installed(host: Host, facts: Facts) -> None:
    if not facts.installed:
        pytest.skip("the facts name no packages")
    assert sorted(set(facts.installed) - set(installed_versions(host))) == []


def test_our_packages_have_the_version_of_our_repository(host: Host, facts: Facts) -> None:
    if not facts.repository:
        pytest.skip("the facts name no repository")
    installed = installed_versions(host)
    ours = sorted(installed.keys() & facts.repository.keys())
    assert ours
    assert {name: installed[name] for name in ours} == {name: facts.repository[name] for name in ours}


def test_every_package_is_fully_installed(host: Host) -> None:
    assert host.check_output("dpkg --audit") == ""


def test_the_sources_name_an_archive(host: Host) -> None:
    wanted = host.run("apt-get update --print-uris")
    assert (wanted.rc, wanted.stderr) == (0, "")
    assert "/InRelease' " in wanted.stdout


def test_an_update_without_network_ends_and_harms_nothing(host: Host) -> None:
    before = installed_versions(host)
    update = host.run(UPDATE)
    assert update.rc != TIMED_OUT
    assert host.run("apt-get check").rc == 0
    assert host.check_output("dpkg --audit") == ""
    assert installed_versions(host) == before
