"""What should serve does, from the first boot on."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts


@pytest.mark.parametrize("name", ["ssh", "systemd-networkd", "systemd-resolved", "systemd-udevd"])
def test_the_service_runs(host: Host, name: str) -> None:
    assert host.service(name).is_running


@pytest.mark.parametrize("name", ["chrony", "mlos-role"])
def test_the_service_of_an_ai_host_runs(host: Host, facts: Facts, name: str) -> None:
    if "mlos-node" not in facts.installed:
        pytest.skip("the image has no mlos-node")
    service = host.service(name)
    assert service.is_enabled
    assert service.is_running


@pytest.mark.parametrize("name", ["apt-daily.timer", "apt-daily-upgrade.timer"])
def test_nothing_updates_behind_the_back_of_a_training_run(host: Host, facts: Facts, name: str) -> None:
    if "mlos-release" not in facts.installed:
        pytest.skip("the image has no mlos-release")
    assert not host.service(name).is_running
