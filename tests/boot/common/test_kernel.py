"""The kernel that runs is the one that was built, with its patches and all the configuration that was asked for."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.formats import kconfig


def test_our_kernel_runs(host: Host, facts: Facts) -> None:
    if facts.kernel_release is None:
        pytest.skip("the facts name no kernel")
    assert host.check_output("uname -r") == facts.kernel_release


def test_our_patch_set_is_in(host: Host, facts: Facts) -> None:
    if facts.patch_set is None:
        pytest.skip("the facts name no patch set")
    assert host.file("/sys/kernel/mlos/patchset").content_string == f"{facts.patch_set}\n"
    assert facts.patch_set in host.file("/proc/version").content_string


def test_every_requested_symbol_is_set(host: Host, facts: Facts) -> None:
    if not facts.symbols:
        pytest.skip("the facts name no symbols")
    config = kconfig.parse_config(host.check_output("zcat /proc/config.gz"))
    got = {symbol: config.get(symbol, "n") for symbol in facts.symbols}
    assert got == facts.symbols


def test_the_modules_fit_the_kernel(host: Host) -> None:
    release = host.check_output("uname -r")
    assert host.file(f"/lib/modules/{release}/modules.dep").exists
