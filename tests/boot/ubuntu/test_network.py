"""The network is up without anybody's help."""

from __future__ import annotations

import json

from testinfra.host import Host


def test_an_address_came_by_dhcp(host: Host) -> None:
    links = json.loads(host.check_output("ip -json -4 address show scope global"))
    # QEMU's user network leases 10.0.2.15 first (QEMU's documentation, "Network emulation").
    assert [entry["local"] for link in links for entry in link["addr_info"] if entry["dynamic"]] == ["10.0.2.15"]


def test_the_wired_port_is_up_and_configured(host: Host) -> None:
    links = [line.split() for line in host.check_output("networkctl list --no-legend --no-pager").splitlines()]
    # By predictable names: a `dummy0` is of type ether as well.
    wired = [(state, setup) for _, name, _, state, setup in links if name.startswith(("en", "eth"))]
    assert wired == [("routable", "configured")]


def test_names_are_resolved_by_systemd(host: Host) -> None:
    assert "nameserver 127.0.0.53" in host.file("/etc/resolv.conf").content_string.splitlines()
    assert host.run("getent hosts localhost").rc == 0
