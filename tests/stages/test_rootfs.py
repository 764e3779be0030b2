"""The root file system as it was installed, and what the stage says when the packages do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from debian.deb822 import Deb822

from distrobuild.formats.root_tar import RootTar
from distrobuild.stages.apt_errors import UnmetDependencies
from distrobuild.stages.rootfs import RootfsOptions, RootfsStage
from distrobuild.stages.stage import Job
from tests import mlos
from tests.stages.local_archive import make_deb

MakeJob = Callable[..., Job]


@pytest.fixture(scope="module")
def output() -> Path:
    return mlos.build("rootfs")["rootfs"].output


@pytest.fixture(scope="module")
def root(output: Path) -> Iterator[RootTar]:
    with RootTar(output / "rootfs.tar") as archive:
        yield archive


def test_two_machines_share_no_identity(root: RootTar) -> None:
    assert root.read("etc/machine-id") == b""
    secrets = ("etc/ssh/ssh_host_", "var/lib/systemd/random-seed", "var/lib/dbus/machine-id", "etc/hostname")
    assert [path for path in root if path.startswith(secrets)] == []


def test_nobody_can_log_in_by_password(root: RootTar) -> None:
    hashes = {line.split(":")[0]: line.split(":")[1] for line in root.read("etc/shadow").decode().splitlines()}
    assert "root" in hashes
    assert {name for name, text in hashes.items() if not text.startswith(("*", "!"))} == set()
    assert b"PasswordAuthentication no" in root.read("etc/ssh/sshd_config.d/50-keys-only.conf")


def test_nothing_tells_when_or_how_the_image_was_made(root: RootTar) -> None:
    traces = (
        "var/log/",
        "var/lib/apt/lists/",
        "var/cache/apt/",
        "var/cache/man/",
        "var/cache/ldconfig/",
        "run/",
        "tmp/",
    )
    files = [path for path in root if path.startswith(traces) and (member := root.lookup(path)) and member.isreg()]
    # apt's empty locks: mmdebstrap itself makes them last of all.
    assert [path for path in files if not path.endswith("/lock") or root.read(path)] == []
    backups = [path for path in root if path.endswith(("-old", "passwd-", "shadow-", "group-"))]
    assert [path for path in backups if path.startswith(("etc/", "var/"))] == []
    assert [path for path in root if path.startswith("etc/") and "mmdebstrap" in path] == []


def test_the_builds_own_sources_and_pin_are_gone(root: RootTar) -> None:
    assert root.lookup("etc/apt/sources.list") is None
    assert root.lookup("etc/apt/preferences.d/distrobuild") is None


def test_no_file_is_newer_than_the_fixed_clock(root: RootTar) -> None:
    newer = [path for path in root if (member := root.lookup(path)) and member.mtime > mlos.selection().manifest.epoch]
    assert newer == []


def test_the_first_start_makes_no_caches_again(root: RootTar) -> None:
    usr = root.lookup("usr")
    assert usr is not None
    for stamp in ("etc/.updated", "var/.updated"):
        member = root.lookup(stamp)
        assert member is not None
        assert member.mtime >= usr.mtime


def test_the_package_list_is_what_dpkg_says(root: RootTar, output: Path) -> None:
    listed = {package["name"]: package for package in json.loads((output / "packages.json").read_text())}
    status = list(Deb822.iter_paragraphs(root.read("var/lib/dpkg/status"), use_apt_pkg=False))
    assert {str(package["Status"]) for package in status} == {"install ok installed"}
    assert {str(package["Package"]): str(package["Version"]) for package in status} == {
        name: package["version"] for name, package in listed.items()
    }
    assert listed["bash"]["installed_kib"] > 1024


def test_services_of_a_live_machine_are_enabled(root: RootTar) -> None:
    wants = "etc/systemd/system/multi-user.target.wants"
    for unit in ("systemd-networkd", "ssh-host-keys", "ssh"):
        assert root.lookup(f"{wants}/{unit}.service"), unit


def test_without_documentation_only_copyright_files_stay(make_job: MakeJob) -> None:
    """The whole stage again: dpkg itself must leave the files out, also of packages that are installed later."""
    inputs = {"debs": mlos.build("fetch/base")["fetch/base"].output}
    stage = mlos.plan().find("rootfs").stage
    job = make_job(inputs, "rootfs")
    RootfsStage(stage.options.model_copy(update={"documentation": False})).run(job)
    with RootTar(job.output / "rootfs.tar") as trimmed:
        places = ("usr/share/man/", "usr/share/info/", "usr/share/doc/")
        files = [path for path in trimmed if path.startswith(places) and (m := trimmed.lookup(path)) and m.isreg()]
        assert trimmed.lookup("etc/dpkg/dpkg.cfg.d/documentation")
    assert "usr/share/doc/bash/copyright" in files
    assert [path for path in files if not path.endswith("/copyright")] == []


def test_packages_that_do_not_fit_are_named_with_what_they_lack(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    make_deb(tmp_path / "debs", "apt", "1.0")
    make_deb(tmp_path / "debs", "needy", "1.0", depends="unheard-of (>= 2)")
    job = make_job({"debs": tmp_path / "debs"}, "rootfs")
    with pytest.raises(UnmetDependencies, match=r"needy : Depends: unheard-of \(>= 2\)"):
        RootfsStage(RootfsOptions(suite="trixie", packages=("needy",))).run(job)
