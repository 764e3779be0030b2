"""SCHED_ML in the running kernel, by what a user holds: mlrun, a service's drop-in, the sysctls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts

UNIT = "/run/systemd/system/sched-ml-test.service"
POLICY = "41"
"""Field of /proc/PID/stat, counted from 1 (proc_pid_stat(5))."""

SHARE = """
taskset --cpu-list 0 mlrun -l interactive sh -c 'while :; do :; done' & hog=$!
taskset --cpu-list 0 sh -c 'while :; do :; done' & other=$!
sleep 3
cut --delimiter ' ' --fields 14 /proc/$hog/stat /proc/$other/stat
kill $hog $other
"""
"""Two processes that want all of one processor: ticks that each of them got. Every command becomes the next by exec."""


SERVICE = """\
[Service]
Type=exec
ExecStart=sh -c "sleep 1000 & exec sleep 1001"
CPUSchedulingPolicy=other
"""


@pytest.fixture(autouse=True)
def _the_image_has_it(facts: Facts) -> None:
    if "mlos-sched" not in facts.installed:
        pytest.skip("the image has no mlos-sched")


@pytest.fixture
def service(host: Host) -> Iterator[str]:
    """A running service of two processes, which knows nothing of the class, with the package's drop-in."""
    host.check_output(f"mkdir --parents {UNIT}.d")
    host.check_output("printf %s > %s", SERVICE, UNIT)
    host.check_output(f"ln --symbolic /usr/share/mlos-sched/mlrun.conf {UNIT}.d/")
    host.check_output(f"printf '[Service]\\nEnvironment=\"MLRUN_OPTIONS=-l batch -d 30ms\"\\n' > {UNIT}.d/options.conf")
    host.check_output("systemctl daemon-reload && systemctl start sched-ml-test")
    yield "sched-ml-test"
    host.check_output(f"systemctl stop sched-ml-test; rm --recursive {UNIT} {UNIT}.d; systemctl daemon-reload")


def test_a_command_runs_under_the_class(host: Host) -> None:
    ran = host.run("mlrun --level interactive --deadline 7ms --explain -- sh -c 'mlrun --show --pid $$'")
    assert ran.rc == 0
    assert ran.stdout.splitlines()[1].split()[2:7] == ["SCHED_ML", "4", "interactive", "7", "ms"]
    assert "latency target 7 ms" in ran.stderr
    assert "80 ms of every 100 ms" in ran.stderr


def test_all_threads_of_a_running_process_are_changed(host: Host) -> None:
    changed = host.run(
        "sleep 1000 & mlrun --explain --pid $!; cut --delimiter ' ' --fields %s /proc/$!/stat; kill $!", POLICY
    )
    assert "1 thread of process" in changed.stderr
    assert changed.stdout.strip() == "16"


def test_a_service_is_put_under_it_by_a_drop_in(host: Host, service: str) -> None:
    process = host.check_output("systemctl show --property MainPID --value %s", service)
    rows = [row.split() for row in host.check_output(f"mlrun --show --group --pid {process}").splitlines()[1:]]
    assert len(rows) == 2
    assert {tuple(row[2:7]) for row in rows} == {("SCHED_ML", "2", "batch", "30", "ms")}


def test_nobody_gets_it_without_a_privilege(host: Host) -> None:
    refused = host.run("setpriv --reuid 65534 --regid 65534 --clear-groups mlrun true")
    assert refused.rc == 77
    assert "sched_ml_unprivileged_level" in refused.stderr


def test_the_settings_are_those_of_the_manual(host: Host) -> None:
    values = {name: host.check_output("cat /proc/sys/kernel/sched_ml_%s", name) for name in ("runtime_us", "period_us")}
    assert values == {"runtime_us": "80000", "period_us": "100000"}


def test_a_hog_under_the_class_leaves_others_a_share(host: Host) -> None:
    used = host.check_output(SHARE)
    hog, other = map(int, used.split())
    assert hog > other
    assert other > 0.1 * hog  # a quarter of it by the budget; the guest is emulated and has other work
