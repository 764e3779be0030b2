"""A machine that takes only what is signed merges our extensions, loads a module of one, and refuses a changed one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from testinfra.host import Host

from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.guest import Guest
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.cli.session import Session
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.formats import gpt_read
from distrobuild.formats.disk_layout import SECTOR
from distrobuild.plan.graph import Plan
from tests import mlos

MODULE = "wireguard"
EXTENSIONS = {"mlos": "sysext", "mlos-modules": "sysext/modules"}
"""Name of each extension, and the stage that makes it."""
REFRESH = "systemd-sysext refresh --image-policy='root=verity+signed+absent:usr=verity+signed+absent'"


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    """The disk, and both extensions signed by a key of this test."""
    project = mlos.copy_project(tmp_path_factory.mktemp("signed") / "project")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "certificate.pem"], cwd=project, check=True)
    signing = {"key": "key.pem", "certificate": "certificate.pem"}
    target = {"sysext": {"signing": signing}, "kernel_modules": {"modules": [MODULE], "signing": signing}}
    (project / "signed.yaml").write_text(json.dumps({"targets": {"flatcar": target}}))
    session = Session((project / "distro.yaml", project / "signed.yaml"), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    plan = session.plan(selection, Stream(mlos.say))
    goals = tuple(plan.find(name) for name in ("disk", "tools", *EXTENSIONS.values()))
    engine = session.engine(selection, Stream(mlos.say))
    return engine.build(Plan(plan.target, goals, plan.epoch, plan.architecture))


@pytest.fixture(scope="module")
def guest(entries: dict[str, Entry], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """The machine, with the extensions in their place, and none of them merged."""
    (image,) = entries["disk"].output.glob("*.raw")
    tools = entries["tools"].output
    options = GuestOptions(image, Medium.DISK, Firmware.OVMF)
    folder = tmp_path_factory.mktemp("guest")
    with Guest(options, tools, folder, choose(AcceleratorChoice.AUTO, tools)) as guest:
        guest.wait_until_running(600)
        guest.host.check_output("mkdir -p /var/lib/extensions /etc/verity.d")
        for name, stage in EXTENSIONS.items():
            (extension,) = entries[stage].output.glob("*.raw")
            guest.send(extension, f"/var/lib/extensions/{name}.raw")
        yield guest
        guest.require_health()


def merged(host: Host) -> set[str]:
    """Names of the extensions that lie over /usr."""
    (usr,) = (
        each
        for each in json.loads(host.check_output("systemd-sysext status --json=short"))
        if each["hierarchy"] == "/usr"
    )
    return set() if usr["extensions"] == "none" else set(usr["extensions"])


def test_without_the_certificate_nothing_is_merged(guest: Guest) -> None:
    assert guest.host.run(REFRESH).rc != 0
    assert merged(guest.host) == set()


def test_with_the_certificate_both_are_merged(guest: Guest, entries: dict[str, Entry]) -> None:
    (certificate,) = entries["sysext"].output.glob("*.crt")
    guest.send(certificate, "/etc/verity.d/mlos.crt")
    guest.host.check_output(REFRESH)
    assert merged(guest.host) == set(EXTENSIONS)


def test_the_module_is_loaded_by_the_helper_of_its_extension(guest: Guest) -> None:
    host = guest.host
    assert "_mlos-modules_modprobe_helper" in host.check_output(f"modprobe --show-depends {MODULE}")
    # The kernel asks for the module by an alias.
    host.check_output("ip link add wg0 type wireguard")
    assert host.file(f"/sys/module/{MODULE}").is_directory
    # The index was the helper's own affair.
    assert host.run("mountpoint /usr/lib/modules/$(uname -r)").rc != 0


def test_an_extension_with_another_byte_is_refused(guest: Guest, entries: dict[str, Entry]) -> None:
    (extension,) = entries["sysext"].output.glob("*.raw")
    with extension.open("rb") as disk:
        start = gpt_read.read(disk).partition("root-x86-64").first * SECTOR
    host = guest.host
    host.check_output("systemd-sysext unmerge")
    # When the file system was made: squashfs itself would not mind.
    changed = f"dd of=/var/lib/extensions/mlos.raw bs=1 seek={start + 8} conv=notrunc status=none"
    host.check_output(f"printf x | {changed} && sync")
    assert host.run(REFRESH).rc != 0
    assert merged(host) == set()
