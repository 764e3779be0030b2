"""`distrobuild lock` by the real command on an archive of Debian's shape, made of empty packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.cli.session import Session
from distrobuild.plan.locking import wanted_sections
from distrobuild.stages.tools import PROGRAMS
from tests import mlos
from tests.stages.local_archive import SigningKey, make_deb, write_archive

DISTROBUILD = Path(sys.executable).with_name("distrobuild")
ESSENTIAL = ("base-files", "apt")
SUITES = ("trixie", "trixie-updates", "trixie-security")
Run = Callable[..., subprocess.CompletedProcess[str]]


class Archive:
    """An archive whose packages a test can replace."""

    def __init__(self, folder: Path) -> None:
        selection = Session((mlos.ROOT / "distro.yaml",), (), "debian:trixie", mlos.FLAVOUR).select("ubuntu")
        wanted = {name for section in wanted_sections(selection).values() for name in section.request.install}
        self.work = folder
        self.folder = folder / "archive"
        self.key = SigningKey.make(folder, "debian-archive")
        self.debs = {name: make_deb(folder, name, "1.0") for name in sorted(wanted - {*ESSENTIAL})}
        self.debs |= {name: make_deb(folder, name, "1.0", Essential="yes") for name in ESSENTIAL}
        self.write()

    def write(self, *security: Path) -> None:
        packages = {SUITES[0]: list(self.debs.values()), SUITES[-1]: security}
        write_archive(self.folder, {suite: {"main": packages.get(suite, [])} for suite in SUITES}, self.key)

    def add(self, name: str, version: str) -> None:
        """What a security update does: the old version is still there."""
        self.write(make_deb(self.work, name, version))

    def replace(self, name: str, version: str) -> None:
        """What a point release does: the old version is gone."""
        for old in (self.folder / "pool").rglob(f"{name}_*.deb"):
            old.unlink()
        self.debs[name] = make_deb(self.work, name, version)
        self.write()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return Archive(tmp_path_factory.mktemp("debian"))


@pytest.fixture
def archive(shared: Archive) -> Archive:
    return shared


@pytest.fixture
def run(archive: Archive, tmp_path: Path) -> Run:
    folder = mlos.copy_project(tmp_path / "project")
    (folder / "distro.lock").unlink()
    mirror, keyring = f"file://{archive.folder}", str(archive.key.keyring)
    sets = [f"{place}.{key}={value}" for place in ("tools", "targets.ubuntu.base") for key, value in
            (("mirror", mirror), ("keyring", keyring))]  # fmt: skip
    sets += ["targets.ubuntu.base.distribution=debian", "targets.ubuntu.base.suite=trixie"]
    options = ["--flavour", "vm", *(word for text in sets for word in ("--set", text))]
    environment = {**os.environ, "DISTROBUILD_STORE": str(tmp_path / "store"), "COLUMNS": "200"}
    environment.pop("DISTROBUILD_BASE", None)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Of this one target: the other's programs come from PyPI, for the C library of a real tools root.
        target = ("ubuntu",) if arguments[0] == "lock" else ()
        line = [str(DISTROBUILD), arguments[0], *target, *arguments[1:], *options]
        return subprocess.run(line, cwd=folder, env=environment, check=False, capture_output=True, text=True)

    return command


def test_a_lock_names_every_file_and_one_package_can_be_refreshed_alone(
    archive: Archive, run: Run, tmp_path: Path
) -> None:
    first = run("lock")
    assert first.returncode == 0, first.stderr
    assert "new       tools:" in first.stdout
    lock = json.loads((tmp_path / "project/distro.lock").read_text())
    assert {package["package"] for package in lock["sections"]["kernel/mlos-6.12"]["packages"]} == {"linux-source-6.12"}
    assert set(PROGRAMS) <= {package["package"] for package in lock["sections"]["tools"]["packages"]}

    archive.replace("gcc", "2.0")
    archive.add("make", "2.0")
    again = run("lock")
    assert "unchanged tools:" in again.stdout, "a lock that fits stays as it is"
    one = run("lock", "--update", "gcc")
    assert "gcc 1.0 -> 2.0" in one.stdout
    assert "make" not in one.stdout
    everything = run("lock", "--update")
    assert "make 1.0 -> 2.0" in everything.stdout
    unknown = run("lock", "--update", "gcccc")
    assert unknown.returncode == 2
    assert "nothing in the lock is called `gcccc`" in unknown.stderr


def test_a_build_whose_locked_file_is_gone_names_it_and_both_ways_out(archive: Archive, run: Run) -> None:
    assert run("lock").returncode == 0
    archive.replace("bison", "3.0")
    ended = run("build", "ubuntu", "--no-boot")
    assert ended.returncode == 1
    assert "bison_1.0_amd64.deb: the archive no longer has this locked file" in ended.stderr
    assert "`distrobuild lock --update`" in ended.stderr
    assert "`distrobuild cache import FILE`" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_build_without_a_lock_makes_one_and_says_so(run: Run, tmp_path: Path) -> None:
    run("build", "ubuntu", "--no-boot")  # ends at the tools root: empty packages make none
    assert (tmp_path / "project/distro.lock").exists()
    shown = run("plan", "ubuntu")
    assert "no lock" not in shown.stderr
