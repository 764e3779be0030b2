"""Modules of a driver that the kernel lacks: compiled for one kernel, signed as its own are, packed as a `.deb`.

Kernel and driver are of a few lines; that NVIDIA's real source compiles is seen where an image is built with it.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from debian.debfile import DebFile

from distrobuild.stages import driver_modules
from distrobuild.stages.driver_modules import DriverModulesOptions, DriverModulesStage, KernelLacksSymbols
from distrobuild.stages.module_signing import BadModuleKey
from distrobuild.stages.stage import Job
from tests.stages.local_archive import make_deb
from tests.stages.module_key import elliptic_key, rsa_key, write_key

RELEASE = "6.12.9-test-server"
HEADERS = f"usr/src/linux-headers-{RELEASE}"
SIGN_FILE = """\
#!/bin/sh
# What scripts/sign-file of the kernel is called with, and where it writes.
printf 'signed by %s with %s' "$1" "$(sha256sum <"$2")" >>"$4"
"""
MAKEFILE = "modules: card.ko\n%.ko: %.c\n\tgcc -g -DRELEASE='\"$(notdir $(SYSSRC))\"' -c -o $@ $<\n"
SOURCE = {"src/card/Makefile": MAKEFILE, "src/card/card.c": "const char made_for[] = RELEASE;\n"}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    kernel, source = tmp_path / "kernel", tmp_path / "source"
    for folder in (kernel / "debs", source):
        folder.mkdir(parents=True)
    (kernel / "release").write_text(f"{RELEASE}\n")
    (kernel / "config").write_text(
        'CONFIG_MMU_NOTIFIER=y\nCONFIG_MODULE_SIG_HASH="sha512"\nCONFIG_MODULE_COMPRESS_ZSTD=y\n'
    )
    headers = make_deb(tmp_path, f"linux-headers-{RELEASE}", "1", files={f"{HEADERS}/scripts/sign-file": SIGN_FILE})
    executable(headers)
    headers.rename(kernel / "debs" / headers.name)
    files = {"usr/src/card.tar": archive(SOURCE), "usr/share/doc/card-source/copyright": "The licence of the card.\n"}
    deb = make_deb(tmp_path, "card-source", "550.1-2", files=files)
    deb.rename(source / deb.name)
    return {"kernel": kernel, "source": source}


def archive(files: dict[str, str]) -> str:
    """A tar archive, which is text here: its files are."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue().decode()


def executable(deb: Path) -> None:
    """Pack a package again whose script can be run."""
    tree = deb.with_suffix("")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    (tree / HEADERS / "scripts/sign-file").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", tree, deb], check=True, capture_output=True)


def build(make_job: Callable[..., Job], inputs: dict[str, Path], name: str = "job", cpus: int = 2) -> DebFile:
    """The package that the stage makes."""
    return DebFile(str(built(make_job, inputs, name, cpus)))


def built(make_job: Callable[..., Job], inputs: dict[str, Path], name: str = "job", cpus: int = 2) -> Path:
    options = DriverModulesOptions(
        driver="card",
        archive="usr/src/card.tar",
        folder="src/card",
        modules={"card": "card-current"},
        symbols=("MMU_NOTIFIER",),
        needs=("card-firmware (= {version})",),
        provides=("card-kernel-{version}",),
        distribution="test",
        version="1.0",
        flavour="server",
        maintainer="A <a@example.org>",
    )
    job = make_job(inputs, name, cpus=cpus)
    DriverModulesStage(options).run(job)
    (deb,) = (job.output / "debs").iterdir()
    return deb


def module(deb: DebFile) -> bytes:
    packed = deb.data.get_content(f"usr/lib/modules/{RELEASE}/updates/card-current.ko.zst")
    assert isinstance(packed, bytes)
    return subprocess.run(["zstd", "--decompress", "--stdout"], input=packed, check=True, capture_output=True).stdout


def test_the_modules_stand_where_depmod_prefers_them_compiled_against_the_headers_of_the_kernel(
    make_job: Callable[..., Job], inputs: dict[str, Path]
) -> None:
    content = module(build(make_job, inputs))
    assert f"linux-headers-{RELEASE}".encode() in content
    assert b".debug_info" not in content


def test_the_package_goes_with_this_one_kernel_and_with_the_driver_s_own_version(
    make_job: Callable[..., Job], inputs: dict[str, Path]
) -> None:
    deb = build(make_job, inputs)
    control = deb.debcontrol()
    assert control["Package"] == f"linux-modules-card-{RELEASE}"
    assert control["Version"] == "550.1-test1.0"
    assert control["Depends"] == f"linux-image-{RELEASE}, card-firmware (= 550.1)"
    assert control["Provides"] == "linux-modules-card-test-server (= 550.1-test1.0), card-kernel-550.1"
    assert f"depmod {RELEASE}" in deb.control.get_content("postinst", "utf-8")
    licence = deb.data.get_content(f"usr/share/doc/linux-modules-card-{RELEASE}/copyright", "utf-8")
    assert licence == "The licence of the card.\n"


def test_the_key_of_the_kernel_signs_what_is_installed(
    make_job: Callable[..., Job], inputs: dict[str, Path], tmp_path: Path
) -> None:
    assert b"signed by" not in module(build(make_job, inputs, "unsigned"))
    key = write_key(tmp_path / "key.pem", rsa_key())
    digest = subprocess.run(["sha256sum"], stdin=key.open("rb"), check=True, capture_output=True).stdout.strip()
    assert module(build(make_job, {**inputs, "key": key}, "signed")).endswith(b"signed by sha512 with " + digest)


def test_files_of_a_driver_come_with_its_modules(
    make_job: Callable[..., Job], inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = shutil.copytree(driver_modules.TEMPLATES, tmp_path / "templates")
    settings = templates / "card/files/usr/lib/modprobe.d/card.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("options card-current x=1\n")
    monkeypatch.setattr(driver_modules, "TEMPLATES", templates)
    deb = build(make_job, inputs)
    assert deb.data.get_content("usr/lib/modprobe.d/card.conf") == b"options card-current x=1\n"
    assert b"usr/lib/modprobe.d/card.conf" in deb.control.get_content("md5sums")


def test_the_same_bytes_come_out_whatever_the_umask_and_the_processors(
    make_job: Callable[..., Job], inputs: dict[str, Path]
) -> None:
    first = built(make_job, inputs, "first", cpus=1).read_bytes()
    before = os.umask(0o077)
    try:
        second = built(make_job, inputs, "second", cpus=4).read_bytes()
    finally:
        os.umask(before)
    assert first == second


def test_a_key_that_could_not_sign_the_same_again_is_refused_before_anything_is_compiled(
    make_job: Callable[..., Job], inputs: dict[str, Path], tmp_path: Path
) -> None:
    bad = {
        "is no RSA key": write_key(tmp_path / "ec.pem", elliptic_key()),
        "is that of another key": write_key(tmp_path / "other.pem", rsa_key(), certified=rsa_key()),
        "cannot be read": write_key(tmp_path / "locked.pem", rsa_key(), passphrase=b"secret"),
    }
    for number, (message, key) in enumerate(bad.items()):
        with pytest.raises(BadModuleKey, match=message):
            build(make_job, {**inputs, "key": key}, f"job{number}")


def test_a_kernel_without_what_the_modules_call_is_refused_before_anything_is_compiled(
    make_job: Callable[..., Job], inputs: dict[str, Path]
) -> None:
    (inputs["kernel"] / "config").write_text("# CONFIG_MMU_NOTIFIER is not set\n")
    with pytest.raises(KernelLacksSymbols, match="`card` needs: CONFIG_MMU_NOTIFIER"):
        build(make_job, inputs)
