"""A system extension holds nothing outside of /usr and /opt, says where it fits, and is the same whenever made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.stages.stage import Job
from distrobuild.stages.sysext import NoPackages, NotForAnExtension, SysextOptions, SysextStage
from tests.stages.local_archive import make_deb

MakeJob = Callable[..., Job]


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    """What a deb stage makes: a package with a program, a unit, settings and documentation."""
    output = tmp_path / "deb"
    folder = output / "debs"
    folder.mkdir(parents=True)
    files = {
        "usr/sbin/tool": "#!/bin/sh\n",
        "usr/lib/systemd/system/tool.service": "[Service]\nExecStart=/usr/bin/tool\n",
        "etc/tool.conf": "setting=1\n",
        "usr/share/doc/tool/README": "read me\n",
    }
    make_deb(folder, "tool", "1.0", files=files)
    return output


def made(job: Job, **options: object) -> Path:
    stage = SysextStage(
        SysextOptions.model_validate({"name": "box", "version": "1.0", "enable": ("tool.service",), **options})
    )
    stage.run(job)
    return job.output / stage.options.file_name


def unpacked(job: Job, image: Path) -> set[str]:
    """The paths of a squashfs."""
    listed = job.sandbox.read(["unsquashfs", "-no-progress", "-lc", f"/out/{image.name}"]).decode().split()
    return {path.removeprefix("squashfs-root/") for path in listed if path.startswith("squashfs-root/")}


def test_it_holds_the_packages_below_usr_and_says_where_it_fits(make_job: MakeJob, debs: Path) -> None:
    job = make_job({"debs/tool": debs})
    image = made(job)
    assert image.name == "box-1.0-x86-64.raw"
    paths = unpacked(job, image)
    assert {path.partition("/")[0] for path in paths} == {"usr"}
    assert {"usr/bin/tool", "usr/lib/systemd/system/tool.service", "usr/share/factory/etc/tool.conf"} <= paths
    assert not {path for path in paths if "sbin" in path or "share/doc" in path}
    job.sandbox.run(["unsquashfs", "-no-progress", "-d", "/work/tree", f"/out/{image.name}"])
    release = (job.work / "tree/usr/lib/extension-release.d/extension-release.box").read_text().splitlines()
    assert {"ID=flatcar", "SYSEXT_LEVEL=1.0", "ARCHITECTURE=x86-64", "EXTENSION_RELOAD_MANAGER=1"} <= set(release)
    upheld = job.work / "tree/usr/lib/systemd/system/multi-user.target.d/10-tool.service.conf"
    assert upheld.read_text() == "[Unit]\nUpholds=tool.service\n"


def test_settings_are_copied_to_etc_by_systemd_tmpfiles(make_job: MakeJob, debs: Path) -> None:
    job = make_job({"debs/tool": debs})
    image = made(job)
    job.sandbox.run(["unsquashfs", "-no-progress", "-d", "/work/machine", f"/out/{image.name}"])
    job.sandbox.run(["systemd-tmpfiles", "--root=/work/machine", "--create", "box-etc.conf"])
    assert (job.work / "machine/etc/tool.conf").read_text() == "setting=1\n"


def test_an_erofs_is_sound_and_has_the_same_files(make_job: MakeJob, debs: Path) -> None:
    job = make_job({"debs/tool": debs})
    image = made(job, format="erofs", fits="any")
    job.sandbox.run(["fsck.erofs", "--extract=/work/tree", f"/out/{image.name}"])
    release = (job.work / "tree/usr/lib/extension-release.d/extension-release.box").read_text().splitlines()
    assert release[0] == "ID=_any"
    assert (job.work / "tree/usr/bin/tool").read_text() == "#!/bin/sh\n"


@pytest.mark.parametrize("kind", ["squashfs", "erofs"])
def test_it_is_the_same_whenever_it_is_made(make_job: MakeJob, debs: Path, kind: str) -> None:
    first, second = (made(make_job({"debs/tool": debs}, name), format=kind).read_bytes() for name in ("one", "two"))
    assert first == second


def test_a_transfer_file_says_where_newer_versions_are(make_job: MakeJob, debs: Path) -> None:
    job = make_job({"debs/tool": debs})
    made(job, updates="https://example.org/extensions/")
    text = (job.output / "box.transfer").read_text()
    assert "Path=https://example.org/extensions/\nMatchPattern=box-@v-%a.raw\n" in text


def test_files_that_cannot_be_in_it_are_all_named(make_job: MakeJob, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    make_deb(folder, "bad", "1.0", files={"var/lib/bad": "x", "usr/lib/os-release": "ID=bad\n"})
    with pytest.raises(NotForAnExtension, match=r"/usr/lib/os-release\n  /var/lib/bad"):
        made(make_job({"debs/bad": folder}))


def test_an_extension_without_packages_is_refused(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(NoPackages, match=r"^tool has no \.deb file"):
        made(make_job({"debs/tool": tmp_path / "nothing"}))
