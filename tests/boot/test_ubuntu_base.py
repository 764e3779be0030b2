"""The Ubuntu path, offline: an archive of Ubuntu's shape, made of real Debian packages, becomes an ISO that boots."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.boot.result import Result
from distrobuild.cli.session import Session
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Note, Stream
from distrobuild.engine.store import Store
from distrobuild.formats.deb_repository import read_deb
from distrobuild.formats.root_tar import RootTar
from distrobuild.manifest.lock import read_lock, write_lock
from distrobuild.plan.graph import Plan
from distrobuild.plan.key import keys
from distrobuild.plan.locking import TOOLS, kernel_section
from tests import mlos
from tests.stages.local_archive import SigningKey, make_deb, write_archive


@pytest.fixture(scope="module")
def archive(large_folder: Callable[[str], Path]) -> tuple[Path, SigningKey]:
    """Suites noble, noble-updates and noble-security; components main and universe; a signing key of its own."""
    folder = large_folder("ubuntu")
    key = SigningKey.make(folder, "ubuntu-archive")
    debs = sorted(mlos.build("fetch/base")["fetch/base"].output.glob("*.deb"))
    universe = [deb for deb in debs if read_deb(deb).name.startswith("live-")]
    security = [deb for deb in debs if read_deb(deb).name == "openssh-server"]
    main = [deb for deb in debs if deb not in (*universe, *security)]
    keyring = make_deb(folder, "ubuntu-keyring", "2026.01")
    suites = {
        "noble": {"main": [*main, keyring], "universe": universe},
        "noble-updates": {"main": [], "universe": []},
        "noble-security": {"main": security, "universe": []},
    }
    write_archive(folder / "archive", suites, key, origin="Ubuntu")
    return folder / "archive", key


@pytest.fixture(scope="module")
def built(archive: tuple[Path, SigningKey], large_folder: Callable[[str], Path]) -> tuple[dict[str, Entry], list[str]]:
    """The ISO on base ubuntu:noble, booted; its tools and kernel are those of the build on this machine's own base."""
    place, key = archive
    folder = large_folder("project")
    for name in mlos.SOURCES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(mlos.ROOT / name)
    (folder / "distro.yaml").write_text((mlos.ROOT / "distro.yaml").read_text())
    overrides = (f"targets.ubuntu.base.mirror=file://{place}", f"targets.ubuntu.base.keyring={key.keyring}")
    first = mlos.build("kernel", "tools")
    lock = read_lock(mlos.session().lock_path)
    shared = {name: lock.sections[name] for name in (TOOLS, kernel_section(mlos.selection()))}
    write_lock(folder / "distro.lock", lock.model_copy(update={"sections": shared}))

    notes: list[str] = []
    emit = Stream(mlos.say, lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    session = Session((folder / "distro.yaml",), overrides, None, mlos.FLAVOUR)
    plan = session.plan(session.select("ubuntu"), emit)
    plan = Plan(plan.target, (plan.find("boot/seabios"),), plan.epoch, plan.architecture)
    store = Store(large_folder("store"))
    for name, keyed in keys(plan).items():
        if name in first and mlos.session().store.find(keyed.key):
            (store.root / "outputs" / keyed.key.removeprefix("sha256:")).symlink_to(first[name].path)
    return Engine(store, "ubuntu", emit, cpus=2).build(plan), notes


def test_the_missing_lock_is_resolved_and_said(built: tuple[dict[str, Entry], list[str]]) -> None:
    assert any("ubuntu/ubuntu:noble/vm" in note for note in built[1])


def test_the_kernel_is_the_same_whatever_the_base(built: tuple[dict[str, Entry], list[str]]) -> None:
    assert built[0]["kernel"].key == mlos.build("kernel")["kernel"].key


def test_packages_of_every_suite_and_component_are_installed(built: tuple[dict[str, Entry], list[str]]) -> None:
    installed = {package["name"] for package in json.loads((built[0]["install"].output / "packages.json").read_text())}
    assert {"openssh-server", "live-boot", "systemd", "ubuntu-keyring", "mlos-release"} <= installed


def test_the_image_fetches_its_updates_from_the_archive_it_was_made_of(
    built: tuple[dict[str, Entry], list[str]], archive: tuple[Path, SigningKey]
) -> None:
    with RootTar(built[0]["customise"].output / "layer.tar") as layer:
        sources = layer.read("etc/apt/sources.list.d/base.sources").decode()
    assert f"file://{archive[0]}" in sources
    assert "noble noble-updates noble-security" in sources
    assert "main universe" in sources
    assert "ubuntu-archive-keyring.gpg" in sources


def test_the_image_says_what_it_is_made_of(built: tuple[dict[str, Entry], list[str]]) -> None:
    with RootTar(built[0]["install"].output / "layer.tar") as root:
        os_release = root.read("usr/lib/os-release").decode()
    assert "ID=mlos" in os_release
    assert 'ID_LIKE="ubuntu debian"' in os_release


def test_the_iso_has_both_boot_images(built: tuple[dict[str, Entry], list[str]]) -> None:
    (iso,) = built[0]["iso"].output.glob("*.iso")
    report = subprocess.run(["file", "--brief", str(iso)], check=True, capture_output=True, text=True).stdout
    assert "ISO 9660" in report
    assert "bootable" in report


def test_the_image_boots_and_passes_every_box_test(built: tuple[dict[str, Entry], list[str]]) -> None:
    result = Result.model_validate_json((built[0]["boot/seabios"].output / "result.json").read_bytes())
    assert result.boot is not None
    assert result.failed == {}
    assert result.passed > len(result.skipped)
