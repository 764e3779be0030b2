"""The layer of the project's own packages over an installed root file system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from debian.deb822 import Deb822

from distrobuild.formats.deb_repository import read_packages_index
from distrobuild.formats.root_tar import RootTar
from distrobuild.stages.apt_errors import PackageNotFound, UnmetDependencies
from distrobuild.stages.install import InstallOptions, InstallStage, NoKernel
from distrobuild.stages.repository import RepositoryOptions, RepositoryStage
from distrobuild.stages.stage import Job
from tests import mlos
from tests.stages.local_archive import make_deb

MakeJob = Callable[..., Job]
OPENER = b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"0707"
"""How an initial RAM file system begins: xz, zstd, gzip, or a plain cpio archive."""


@pytest.fixture(scope="module")
def output() -> Path:
    return mlos.build("install")["install"].output


@pytest.fixture(scope="module")
def layer(output: Path) -> Iterator[RootTar]:
    with RootTar(output / "layer.tar") as archive:
        yield archive


@pytest.fixture(scope="module")
def root(output: Path) -> Iterator[RootTar]:
    """Root file system and layer, as the running system sees them."""
    with RootTar(mlos.build("rootfs")["rootfs"].output / "rootfs.tar", output / "layer.tar") as both:
        yield both


def test_the_layer_holds_what_our_packages_bring_and_no_copy_of_the_root(layer: RootTar) -> None:
    assert layer.lookup("usr/lib/os-release")
    programs = [path for path in layer if path.startswith("usr/bin/")]
    assert programs == ["usr/bin/mlos-accel", "usr/bin/mlos-node", "usr/bin/mlrun", "usr/bin/tensormem"]
    assert [path for path in layer if path.startswith(("dev/", "proc/", "run/", "tmp/"))] == []
    assert b"ID=mlos" in layer.read("usr/lib/os-release")


def test_what_a_preset_of_ours_disables_is_not_enabled_though_it_was_installed_before(root: RootTar) -> None:
    wants = [path for path in root if path.startswith("etc/systemd/system/timers.target.wants/")]
    assert [path for path in wants if "apt-daily" in path] == []
    assert root.lookup("etc/systemd/system/multi-user.target.wants/chrony.service")


def test_no_trace_of_the_installation_is_left(root: RootTar) -> None:
    assert root.lookup("usr/sbin/policy-rc.d") is None
    assert [path for path in root if path.startswith("var/log/") and (m := root.lookup(path)) and m.isreg()] == []
    assert [path for path in root if path.startswith("etc/ssh/ssh_host_")] == []
    newer = [path for path in root if (m := root.lookup(path)) and m.mtime > mlos.selection().manifest.epoch]
    assert newer == []


def test_every_package_is_configured_and_listed_with_its_digest(root: RootTar, output: Path) -> None:
    listed = {package["name"]: package for package in json.loads((output / "packages.json").read_text())}
    status = list(Deb822.iter_paragraphs(root.read("var/lib/dpkg/status"), use_apt_pkg=False))
    assert {str(package["Status"]) for package in status} == {"install ok installed"}
    assert {str(package["Package"]) for package in status} == set(listed)
    assert all(len(package["sha256"]) == 64 for package in listed.values())


def test_our_packages_come_from_our_repository(output: Path) -> None:
    listed = {package["name"]: package["sha256"] for package in json.loads((output / "packages.json").read_text())}
    (index,) = (mlos.build("repository")["repository"].output / "repository/dists").rglob("Packages")
    own = {package.name: package.sha256 for package in read_packages_index(index.read_bytes())}
    wanted = [name for name in own if name.startswith(("mlos-", "linux-image-")) and name in listed]
    assert {"mlos-release", "mlos-node"} <= set(wanted)
    assert {name: listed[name] for name in wanted} == {name: own[name] for name in wanted}


def test_the_kernel_and_what_starts_it_lie_beside_the_root(root: RootTar, output: Path) -> None:
    (kernel,) = [path for path in root if path.startswith("boot/vmlinuz-")]
    assert (output / "vmlinuz").read_bytes() == root.read(kernel)
    assert (output / "initrd.img").read_bytes().startswith(OPENER)


def archive(make_job: MakeJob, tmp_path: Path, *debs: Path) -> Path:
    """A signed repository of these packages."""
    assert debs
    job = make_job({"debs/own": tmp_path / "own"}, "repository")
    RepositoryStage(RepositoryOptions(name="mlos", title="MLOS", codename="trixie")).run(job)
    return job.output


def install(make_job: MakeJob, repository: Path, *packages: str) -> Path:
    inputs = {"rootfs": mlos.build("rootfs")["rootfs"].output, "repository": repository}
    job = make_job(inputs, "install")
    InstallStage(InstallOptions(suite="trixie", packages=packages)).run(job)
    return job.output


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def test_a_package_of_ours_that_does_not_fit_is_named_with_what_it_lacks(
    make_job: MakeJob, tmp_path: Path, own: Path
) -> None:
    repository = archive(make_job, tmp_path, make_deb(own, "needy", "1.0", depends="unheard-of (>= 2)"))
    with pytest.raises(UnmetDependencies, match=r"needy : Depends: unheard-of \(>= 2\)"):
        install(make_job, repository, "needy")


def test_a_package_that_the_project_does_not_have_is_named(make_job: MakeJob, tmp_path: Path, own: Path) -> None:
    repository = archive(make_job, tmp_path, make_deb(own, "one", "1.0"))
    with pytest.raises(PackageNotFound, match="`two`"):
        install(make_job, repository, "one", "two")


def test_an_image_without_a_kernel_is_refused(make_job: MakeJob, tmp_path: Path, own: Path) -> None:
    repository = archive(make_job, tmp_path, make_deb(own, "one", "1.0"))
    with pytest.raises(NoKernel, match="the packages bring: none"):
        install(make_job, repository, "one")


def test_our_package_replaces_a_newer_one_of_the_archive(make_job: MakeJob, tmp_path: Path, own: Path) -> None:
    kernel = sorted((mlos.build("kernel")["kernel"].output / "debs").glob("linux-image-*.deb"))
    for deb in kernel:
        (own / deb.name).symlink_to(deb)
    repository = archive(make_job, tmp_path, make_deb(own, "netbase", "0.1"))
    output = install(make_job, repository, "netbase", f"linux-image-mlos-{mlos.FLAVOUR}")
    versions = {package["name"]: package["version"] for package in json.loads((output / "packages.json").read_text())}
    assert versions["netbase"] == "0.1"
    with RootTar(mlos.build("rootfs")["rootfs"].output / "rootfs.tar", output / "layer.tar") as root:
        assert root.lookup("usr/share/doc/netbase/copyright") is None  # which only the archive's netbase has
