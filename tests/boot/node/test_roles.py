"""The machine has the settings of its role, tells what deviates, and takes another role while it runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from testinfra.host import Host

ROLES = "/usr/lib/mlos/roles"
WITHOUT_IN_A_GUEST = {"kernel.numa_balancing", "vm.hugetlb_optimize_vmemmap", "module/zswap/parameters/enabled"}
"""What the flavour `vm` does not have; the server's kernel has it."""
OVERRIDE = "/etc/mlos/roles/inference/sysctl.conf"


def lines(host: Host, role: str, file: str) -> list[str]:
    """Lines that say something, of all roles' file and then of the role's."""
    found = host.check_output(f"cat {ROLES}/common/{file} {ROLES}/{role}/{file} 2>/dev/null || true")
    return [line for line in found.splitlines() if line.strip() and not line.startswith("#")]


def settings(host: Host, role: str, file: str) -> dict[str, str]:
    """Names and values; the role's own win."""
    parts = [line.partition("=") for line in lines(host, role, file)]
    return {name.strip(): value.strip() for name, _, value in parts}


def wanted(host: Host, role: str) -> dict[str, str]:
    """What each file of the kernel should say, by its path; of patterns, every device that there is."""
    sysctl = settings(host, role, "sysctl.conf")
    found = {f"/proc/sys/{name.replace('.', '/')}": value for name, value in sysctl.items()}
    for name, value in settings(host, role, "sys.conf").items():
        paths = host.check_output(f"ls -d /sys/{name} 2>/dev/null || true").split() if "*" in name else [f"/sys/{name}"]
        found |= dict.fromkeys(paths, value)
    return found


def values(host: Host, paths: dict[str, str]) -> dict[str, str]:
    """What these files of the kernel say, as far as they exist; of a choice, what is chosen."""
    told = host.run(f"grep --with-filename '' {' '.join(map(shlex.quote, paths))}").stdout
    parts = [line.partition(":") for line in told.splitlines()]
    return {path: chosen(" ".join(value.split())) for path, _, value in parts}


def chosen(value: str) -> str:
    match = re.search(r"\[(.+)\]", value)
    return match.group(1) if match else value


def memory_kib(host: Host) -> int:
    return int(host.check_output("awk '/^MemTotal:/ { print $2 }' /proc/meminfo"))


def state(host: Host) -> str:
    """All that a role changes, in one text."""
    paths = {**wanted(host, "inference"), **wanted(host, "training"), "/sys/block/zram0/disksize": ""}
    places = "/etc/mlos /run/udev/rules.d /boot/loader/addons"
    files = host.run(f"find {places} -type f -exec sha256sum {{}} + | sort").stdout
    memory = host.check_output("cut --characters -20 /proc/swaps; cat /proc/sys/vm/nr_*pages")
    return f"{sorted(values(host, paths).items())}\n{memory}\n{files}"


@pytest.fixture
def afterwards_as_before(host: Host) -> Iterator[None]:
    """Whatever a test does to roles is undone."""
    yield
    host.check_output("rm -rf /etc/mlos /etc/sysctl.d/70-test.conf && mlos-node role set inference && rm -r /etc/mlos")
    host.check_output("rm -f /boot/loader/addons/mlos-role.addon.efi")


def test_the_default_role_holds_setting_by_setting(host: Host) -> None:
    expected = wanted(host, "inference")
    found = values(host, expected)
    assert {path: expected[path] for path in found} == found
    absent = {path.removeprefix("/proc/sys/").removeprefix("/sys/") for path in expected.keys() - found.keys()}
    assert {name.replace("/", ".") for name in absent} <= {name.replace("/", ".") for name in WITHOUT_IN_A_GUEST}
    assert {"/proc/sys/vm/swappiness", "/sys/kernel/mm/transparent_hugepage/enabled"} <= found.keys()


def test_compressed_swap_has_the_size_of_the_role(host: Host) -> None:
    memory = settings(host, "inference", "memory.conf")
    mebibytes = min(memory_kib(host) * int(memory["zram.percent"]) // 100 // 1024, int(memory["zram.limit_mib"]))
    zram = {"/sys/block/zram0/disksize": str(mebibytes << 20), "/sys/block/zram0/comp_algorithm": "zstd"}
    assert values(host, zram) == zram
    (swap,) = host.check_output("cat /proc/swaps").splitlines()[1:]
    assert swap.split()[0] == "/dev/zram0"
    assert swap.split()[4] == memory["zram.priority"]


def test_huge_pages_are_had_on_demand_as_the_role_says(host: Host) -> None:
    percent = int(settings(host, "inference", "memory.conf")["hugepages.on_demand_percent"])
    page = int(host.check_output("awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo"))
    pages = memory_kib(host) * percent // 100 // page
    assert host.check_output("cat /proc/sys/vm/nr_overcommit_hugepages /proc/sys/vm/nr_hugepages").split() == [
        str(pages),
        "0",
    ]


def test_the_kernel_was_started_with_the_parameters_of_the_role(host: Host) -> None:
    words = lines(host, "inference", "kernel-parameters.conf")
    assert "preempt=full" in words
    assert set(words) <= set(host.file("/proc/cmdline").content_string.split())
    assert host.run("dmesg | grep --quiet 'Dynamic Preempt: full'").rc == 0


def test_nothing_deviates_from_the_role_after_the_start(host: Host) -> None:
    shown = host.run("mlos-node role show --check")
    assert (shown.rc, shown.stderr) == (0, "")
    assert "role inference (by default)" in shown.stdout


@pytest.mark.main_image
def test_a_change_is_told_and_undone(host: Host) -> None:
    host.check_output("echo 61 > /proc/sys/vm/swappiness")
    shown = host.run("mlos-node role show --check")
    assert shown.rc == 1
    assert [line.split() for line in shown.stdout.splitlines() if "swappiness" in line] == [
        ["vm.swappiness", "100", "61", "differs"]
    ]
    assert "vm.swappiness: 61 -> 100" in host.check_output("mlos-node role apply").splitlines()
    assert host.run("mlos-node role show --check").rc == 0


@pytest.mark.main_image
def test_applying_twice_changes_nothing(host: Host) -> None:
    before = state(host)
    assert host.check_output("mlos-node role apply") == "role inference (by default): applied"
    assert state(host) == before


@pytest.mark.main_image
def test_a_dry_run_tells_all_and_does_nothing(host: Host) -> None:
    before = state(host)
    told = host.check_output("mlos-node role set training --dry-run").splitlines()
    assert {"/etc/mlos/role: inference -> training", "vm.swappiness: 100 -> 10"} <= set(told)
    assert any(line.startswith("zram: ") for line in told)
    assert state(host) == before


@pytest.mark.main_image
@pytest.mark.parametrize("role", ["training", "edge"])
def test_another_role_is_taken_at_once(host: Host, afterwards_as_before: None, role: str) -> None:
    told = host.check_output("mlos-node role set %s", role)
    expected = wanted(host, role)
    found = values(host, expected)
    assert {path: expected[path] for path in found} == found
    percent = int(settings(host, role, "memory.conf")["zram.percent"])
    zram = {"/sys/block/zram0/disksize": str((memory_kib(host) * percent // 100 // 1024) << 20)}
    assert values(host, zram) == zram
    assert host.file("/etc/mlos/role").content_string == f"{role}\n"
    assert "/dev/zram0" in host.check_output("cat /proc/swaps")
    deviating = {line.split()[-1] for line in host.check_output("mlos-node role show").splitlines()[2:-1]}
    assert deviating == ({"reboot"} if role == "training" else set())
    assert ("Needs a reboot:" in told) == (role == "training")


@pytest.mark.main_image
def test_a_role_that_is_none_is_refused_and_the_roles_are_told(host: Host) -> None:
    before = state(host)
    refused = host.run("mlos-node role set trainng")
    assert refused.rc == 64
    assert "edge inference training" in refused.stderr
    assert state(host) == before


@pytest.mark.main_image
def test_an_administrators_setting_wins(host: Host, afterwards_as_before: None) -> None:
    host.check_output(f"mkdir -p {OVERRIDE.rpartition('/')[0]} && echo 'vm.swappiness = 42' > {OVERRIDE}")
    host.check_output("echo 'vm.page-cluster = 2' > /etc/sysctl.d/70-test.conf")
    host.check_output("mlos-node role apply")
    assert host.check_output("cat /proc/sys/vm/swappiness /proc/sys/vm/page-cluster").split() == ["42", "2"]
    assert host.run("mlos-node role show --check").rc == 0


@pytest.mark.main_image
def test_what_the_kernel_refuses_or_lacks_is_told_and_the_rest_applied(host: Host, afterwards_as_before: None) -> None:
    lines = r"vm.no_such_thing = 1\nvm.overcommit_memory = 7\nvm.swappiness = 43\n"
    host.check_output(f"mkdir -p {OVERRIDE.rpartition('/')[0]} && printf '{lines}' > {OVERRIDE}")
    applied = host.run("mlos-node role apply")
    assert applied.rc == 1
    assert "vm.overcommit_memory: the kernel refuses `7`; it stays `0`" in applied.stderr
    (skipped,) = [line for line in applied.stderr.splitlines() if "skipped, since" in line]
    assert "vm.no_such_thing" in skipped.split()
    assert host.check_output("cat /proc/sys/vm/swappiness") == "43"


def test_anybody_may_ask_what_the_role_is(host: Host) -> None:
    shown = host.run("setpriv --reuid 65534 --regid 65534 --clear-groups mlos-node role show --all --check")
    assert shown.rc == 0
    refused = host.run("setpriv --reuid 65534 --regid 65534 --clear-groups mlos-node role set edge")
    assert (refused.rc, "only root" in refused.stderr) == (1, True)
