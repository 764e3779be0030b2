"""Modules are found with all that they need, by either way to write their names."""

from __future__ import annotations

import pytest

from distrobuild.formats.kernel_modules import UnknownModules, module_name, read_index

DEPENDENCIES = """\
kernel/net/ipv4/udp_tunnel.ko:
kernel/net/ipv6/ip6_udp_tunnel.ko.zst:
kernel/drivers/net/wireguard/wireguard.ko.zst: kernel/net/ipv4/udp_tunnel.ko kernel/net/ipv6/ip6_udp_tunnel.ko.zst
kernel/drivers/md/dm-crypt.ko.xz:
"""
INDEX = read_index(DEPENDENCIES, "kernel/fs/overlayfs/overlay.ko\nkernel/drivers/block/virtio-blk.ko\n")


def test_what_a_module_needs_comes_along() -> None:
    assert INDEX.files(["wireguard"]) == [
        "kernel/drivers/net/wireguard/wireguard.ko.zst",
        "kernel/net/ipv4/udp_tunnel.ko",
        "kernel/net/ipv6/ip6_udp_tunnel.ko.zst",
    ]


def test_a_module_is_loaded_behind_what_it_needs() -> None:
    assert [module_name(file) for file in INDEX.in_order(["wireguard", "dm-crypt"])] == [
        "dm_crypt",
        "udp_tunnel",
        "ip6_udp_tunnel",
        "wireguard",
    ]


@pytest.mark.parametrize("name", ["dm-crypt", "dm_crypt"])
def test_a_name_has_either_dash(name: str) -> None:
    assert INDEX.files([name]) == ["kernel/drivers/md/dm-crypt.ko.xz"]


def test_every_name_that_is_no_module_is_told() -> None:
    with pytest.raises(UnknownModules) as caught:
        INDEX.files(["wireguard", "wiregard", "virtio_blk"])
    assert caught.value.message == "the kernel has no module `wiregard`; `virtio_blk` is built into the kernel"


def test_the_name_of_a_module_is_that_of_its_file() -> None:
    assert module_name("kernel/drivers/md/dm-crypt.ko.xz") == "dm_crypt"
    assert module_name("kernel/a.ko.b/c.ko") == "c"
