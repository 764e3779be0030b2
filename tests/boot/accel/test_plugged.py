"""A device that comes and goes while the machine runs: QEMU's `edu`, in the port that every test machine has free."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from programs import ENDLESS, PLUGGED
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest
from distrobuild.boot.hotplug import plugged

WATCH = "accel-watch"
SEEN = "/run/accel-watch"
"""What the live view wrote to its terminal."""
JOBS = "accel-jobs"
SAID = "/run/accel-jobs"
PRESENT = "grep --quiet accel_edu /sys/class/accel_hub/*/driver_name"
FOLDER = f"$(dirname $({PRESENT.replace('--quiet', '--files-with-matches')}))"
WORKING = f"grep --invert-match --quiet '^0$' {FOLDER}/jobs_done"
"""Of that device, not of others."""

pytestmark = pytest.mark.main_image  # the others have the same kernel and packages


@pytest.fixture(autouse=True)
def _the_image_has_it(facts: Facts) -> None:
    if "mlos-accel" not in facts.installed:
        pytest.skip("the image has no mlos-accel")


def devices(host: Host) -> list[dict[str, Any]]:
    """The inventory's devices of QEMU."""
    inventory = json.loads(host.check_output("mlos-accel json"))
    return [device for device in inventory["devices"] if device["driver"] == "accel_edu"]


def until(host: Host, command: str) -> None:
    """Wait, two minutes at most, until a command ends well."""
    host.check_output("timeout 120 sh -c %s", f"until {command}; do sleep 0.5; done")


@pytest.fixture
def watching(host: Host) -> Iterator[None]:
    """`mlos-accel watch` runs in a terminal of its own."""
    terminal = f"script --quiet --flush --command 'stty cols 120 rows 30; mlos-accel watch' {SEEN}"
    host.check_output(f"systemd-run --quiet --unit={WATCH} --setenv=TERM=xterm {terminal}")
    try:
        until(host, f"test -s {SEEN}")
        yield
    finally:
        host.run(f"systemctl stop {WATCH}; systemctl reset-failed {WATCH}; rm --force {SEEN}")


@pytest.mark.usefixtures("watching")
def test_a_device_is_seen_when_it_is_plugged_in_computes_and_goes(host: Host, guest: Guest) -> None:
    assert devices(host) == []
    with plugged(guest.machine.monitor, "edu") as pull:
        until(host, PRESENT)
        (device,) = devices(host)
        assert device["health"]["state"] == "ok"
        until(host, f"grep --quiet --fixed-strings {device['address']} {SEEN}")
        assert host.check_output("python3 -c %s", PLUGGED).split() == ["True", "True"]
        pull()
    until(host, f"! {PRESENT}")
    assert devices(host) == []


def test_a_device_can_go_in_the_middle_of_jobs(host: Host, guest: Guest) -> None:
    with plugged(guest.machine.monitor, "edu") as pull:
        until(host, PRESENT)
        unit = f"systemd-run --quiet --unit={JOBS} --property=StandardOutput=truncate:{SAID} --remain-after-exit"
        host.check_output(f"{unit} python3 -c %s", ENDLESS)
        until(host, WORKING)
        pull()
        # It ends by itself: the device that it asks is not there any more.
        until(host, f"test -s {SAID}")
    assert host.check_output(f"cat {SAID}") == "ENODEV"
    host.check_output(f"systemctl stop {JOBS}; rm {SAID}")
    assert devices(host) == []
