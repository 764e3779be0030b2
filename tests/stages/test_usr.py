"""A root file system becomes a /usr that a machine makes the rest out of again, by systemd-tmpfiles."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.stages.stage import Job
from distrobuild.stages.usr import UsrOptions, UsrStage

MakeJob = Callable[..., Job]


@pytest.fixture
def job(make_job: MakeJob, tmp_path: Path) -> Job:
    """The stage has run on a small root with a layer over it."""
    base, layer = tmp_path / "base", tmp_path / "layer"
    for folder in (base, layer):
        folder.mkdir()
    with TarWriter(base / "rootfs.tar", 1000) as tar:
        for path in ("usr", "usr/bin", "usr/lib", "etc", "var", "var/lib", "var/lib/dpkg", "var/cache", "boot", "proc"):
            tar.folder(path)
        tar.folder("tmp", 0o1777)
        tar.folder("root", 0o700)
        tar.folder("var/lib/chrony", 0o750, (104, 107))
        tar.folder("var/cache/apt")
        tar.link("bin", "usr/bin")
        tar.file("usr/bin/env", b"#!env", 0o755)
        tar.file("usr/lib/os-release", b"ID=base\n")
        tar.file("etc/shadow", b"root:*\n", 0o640, (0, 42))
        tar.file("etc/removed", b"")
        tar.file("root/.profile", b"umask 022\n")
        tar.file("var/lib/dpkg/status", b"Package: x\n")
        tar.file("boot/vmlinuz-1", b"kernel")
    with TarWriter(layer / "layer.tar", 1000) as tar:
        tar.file("usr/lib/os-release", b"ID=mlos\n")
        tar.whiteout("etc/removed")
    job = make_job({"layers/0-root": base, "layers/1-image": layer})
    UsrStage(UsrOptions(layout="flatcar", name="box", version="1.0")).run(job)
    return job


def test_usr_holds_itself_and_etc_with_owners_and_modes(job: Job) -> None:
    with RootTar(job.output / "usr.tar") as usr:
        assert usr.read("bin/env") == b"#!env"
        assert usr.read("lib/os-release") == b"ID=mlos\nIMAGE_ID=box\nIMAGE_VERSION=1.0\n"
        shadow = usr.lookup("share/factory/etc/shadow")
        assert shadow is not None
        assert (shadow.mode, shadow.gid) == (0o640, 42)
        assert usr.lookup("share/factory/etc/removed") is None
        assert not [path for path in usr if "vmlinuz" in path]
    assert (job.output / "os-release").read_bytes() == b"ID=mlos\nIMAGE_ID=box\nIMAGE_VERSION=1.0\n"


def test_systemd_tmpfiles_makes_the_rest_of_the_root(job: Job) -> None:
    machine = job.work / "machine"
    (machine / "usr").mkdir(parents=True)
    job.sandbox.run(["tar", "--extract", "--file=/out/usr.tar", "--directory=/work/machine/usr", "--numeric-owner"])
    job.sandbox.run(["systemd-tmpfiles", "--root=/work/machine", "--create", "--boot", "image.conf"])
    assert (machine / "bin").readlink() == Path("usr/bin")
    assert (machine / "root/.profile").read_text() == "umask 022\n"
    assert stat.S_IMODE((machine / "root").stat().st_mode) == 0o700
    chrony = (machine / "var/lib/chrony").stat()
    assert (stat.S_IMODE(chrony.st_mode), chrony.st_uid, chrony.st_gid) == (0o750, 104, 107)
    assert (machine / "var/lib/dpkg").readlink() == Path("/usr/share/factory/var/lib/dpkg")
    assert (machine / "usr/share/factory/var/lib/dpkg/status").is_file()
    assert (machine / "oem").is_dir()
    assert not (machine / "var/cache/apt").exists()


def test_the_layout_says_what_a_machine_grows(job: Job) -> None:
    with RootTar(job.output / "usr.tar") as usr:
        assert b"3884dd41-8582-4404-b9a8-e9b84f2df50e" in usr.read("lib/repart.d/50-root.conf")
