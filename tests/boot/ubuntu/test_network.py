"""The network is up without anybody's help."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host


@pytest.fixture(scope="module")
def addresses(host: Host) -> list[str]:
    """IPv4 addresses of this machine that reach beyond it."""
    links = json.loads(host.check_output("ip -json -4 address show scope global"))
    return [entry["local"] for link in links for entry in link["addr_info"]]


def test_an_address_came_by_dhcp(addresses: list[str]) -> None:
    # QEMU's user network leases 10.0.2.15 first (QEMU's documentation, "Network emulation").
    assert addresses == ["10.0.2.15"]


def test_there_is_a_way_out(host: Host) -> None:
    routes = json.loads(host.check_output("ip -json -4 route show default"))
    assert [route["gateway"] for route in routes] == ["10.0.2.2"]


def test_names_are_asked_where_dhcp_says(host: Host) -> None:
    assert "10.0.2.3" in host.check_output("resolvectl dns")
    assert host.file("/etc/resolv.conf").contains("127.0.0.53")
