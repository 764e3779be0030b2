"""What runs in the initial RAM file system of an image with a read-only /usr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.plan.flatcar import WITHOUT_DISK
from distrobuild.stages.rootfs import TEMPLATES
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
MODULE = TEMPLATES / "verity/usr/lib/dracut/modules.d/50image-root"


@pytest.mark.parametrize(
    ("state", "written"),
    [
        ("OPER_STATE=routable\nDNS=10.0.2.3 fec0::3\nNTP=10.0.2.2\n", "nameserver 10.0.2.3\nnameserver fec0::3\n"),
        ("OPER_STATE=routable\nDNS=\n", ""),
        ("OPER_STATE=routable\n", ""),
    ],
)
def test_name_servers_are_those_that_the_network_service_found(
    make_job: MakeJob, tmp_path: Path, state: str, written: str
) -> None:
    (tmp_path / "state").write_text(state)
    job = make_job({"module": MODULE, "state": tmp_path / "state"})
    job.sandbox.run(["sh", "/inputs/module/resolv-conf", "/inputs/state", "/work/resolv.conf"])
    assert (job.work / "resolv.conf").read_text() == written


def test_systemd_makes_the_root_of_a_machine_without_a_disk_of_the_command_line(make_job: MakeJob) -> None:
    job = make_job({})
    generator = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
    environment = {"SYSTEMD_IN_INITRD": "1", "SYSTEMD_PROC_CMDLINE": " ".join(WITHOUT_DISK)}
    for folder in ("normal", "early", "late"):
        (job.work / folder).mkdir()
    job.sandbox.run([generator, "/work/normal", "/work/early", "/work/late"], environment=environment)
    root, usr = ((job.work / f"normal/{name}.mount").read_text() for name in ("sysroot", "sysusr-usr"))
    assert "Type=tmpfs" in root
    assert "Options=rw" in root
    assert "What=/usr.squashfs\nWhere=/sysusr/usr\nType=squashfs\nOptions=ro,loop\n" in usr
    assert (job.work / "normal/initrd-fs.target.requires/sysroot-usr.mount").is_symlink()
