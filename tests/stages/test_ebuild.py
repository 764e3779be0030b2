"""Ebuilds made of packages: judged by pkgcheck, built and installed by Portage, and the same files as the `.deb`s."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.overlay import EbuildRefused
from distrobuild.stages.stage import Job
from tests.stages.local_archive import EPOCH
from tests.stages.portage_chain import (
    OWN,
    PACKAGES,
    MakeJob,
    content,
    everything,
    install,
    make_binpkgs,
    make_deb,
    make_ebuild,
    make_gpkg,
    make_overlay,
)

SAMPLE = """\
name: sample
summary: something to build
description: It is here to be built by a test.
"""


def sample(folder: Path, text: str = "", files: Mapping[str, str] | None = None) -> Path:
    """A package `sample`."""
    place = folder / "sample"
    place.mkdir()
    (place / "package.yaml").write_text(SAMPLE + text)
    for name, source in (files or {}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(source)
    return place


@pytest.mark.parametrize("name", OWN)
def test_deb_and_ebuild_of_every_package_install_the_same_files(name: str, make_job: MakeJob, python: Path) -> None:
    inputs = {"package": PACKAGES / name}
    host = everything(make_job, python, make_ebuild(make_job(inputs, "ebuild"), name))
    root = install(make_job({"host": host, "python": python}, "install"), f"=mlos-base/{name}-1.0.0")

    job = make_job(inputs, "deb")
    deb = make_deb(job, name)
    job.sandbox.run(["dpkg-deb", "--extract", f"/out/debs/{deb.name}", "/work/root"])
    assert content(root) == content(job.work / "root")
    assert bool(content(root)) == any((PACKAGES / name / part).is_dir() for part in ("files", "source"))


def test_what_a_package_compiles_and_installs_is_the_same_in_both(
    make_job: MakeJob, python: Path, tmp_path: Path
) -> None:
    folder = sample(
        tmp_path,
        "build: [make words]\n"
        'install: [install -D --mode=755 words "$DESTDIR/usr/libexec/words"]\n'
        "enable: [sample.service]\n",
        {
            "source/Makefile": "words: words.in\n\tsed s/@NAME@/sample/ $< > $@\n",
            "source/words.in": "#!/bin/sh\necho @NAME@\n",
            "files/usr/lib/systemd/system/sample.service": "[Service]\nExecStart=/usr/libexec/words\n"
            "[Install]\nWantedBy=multi-user.target\n",
            "files/etc/sample.conf.j2": "name = {{ title }}\n",
        },
    )
    (folder / "files/usr/lib/sample.link").symlink_to("../libexec/words")
    inputs = {"package": folder}
    host = everything(make_job, python, make_ebuild(make_job(inputs, "ebuild"), "sample"))
    root = install(make_job({"host": host, "python": python}, "install"), "=mlos-base/sample-1.0.0")
    job = make_job(inputs, "deb")
    deb = make_deb(job, "sample")
    job.sandbox.run(["dpkg-deb", "--extract", f"/out/debs/{deb.name}", "/work/root"])
    assert content(root) == content(job.work / "root")
    assert content(root)["usr/libexec/words"][:2] == ("file", 0o755)
    assert (root / "etc/sample.conf").read_text() == "name = MLOS Linux\n"


def test_a_compiled_program_is_optimised_and_hardened_as_that_of_the_deb(
    make_job: MakeJob, python: Path, tmp_path: Path
) -> None:
    folder = sample(
        tmp_path,
        "architecture: any\n"
        'build: [\'make CFLAGS="$CFLAGS $CPPFLAGS" LDFLAGS="$LDFLAGS" hello\']\n'
        "install: ['install -D hello \"$DESTDIR/usr/libexec/hello\"']\n",
        {
            "source/hello.c": "#include <stdio.h>\n#ifndef __OPTIMIZE__\n#error slow\n#endif\n"
            '#ifndef _FORTIFY_SOURCE\n#error soft\n#endif\nint main(void) { return puts("hello") < 0; }\n'
        },
    )
    host = everything(make_job, python, make_ebuild(make_job({"package": folder}, "ebuild"), "sample"))
    job = make_job({"host": host, "python": python}, "install")
    install(job, "=mlos-base/sample-1.0.0")
    assert job.sandbox.read(["/work/root/usr/libexec/hello"]) == b"hello\n"


def test_a_file_taken_over_is_kept_beside_its_place(make_job: MakeJob, python: Path, tmp_path: Path) -> None:
    folder = sample(tmp_path, "diversions: [/etc/issue]\n", {"files/etc/issue": "ours\n"})
    host = everything(make_job, python, make_ebuild(make_job({"package": folder}, "ebuild"), "sample"))
    job = make_job({"host": host, "python": python}, "install")
    root = job.work / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/issue").write_text("theirs\n")
    install(job, "=mlos-base/sample-1.0.0")
    assert (root / "etc/issue").read_text() == "ours\n"
    assert (root / "etc/issue.base").read_text() == "theirs\n"


def test_pkgcheck_refuses_what_breaks_gentoos_rules_and_is_quoted(
    make_job: MakeJob, python: Path, tmp_path: Path
) -> None:
    # Whoever depends on an interpreter of Python must say which ones, by an eclass.
    folder = sample(tmp_path, "depends: [{gentoo: dev-lang/python, otherwise: python3}]\n")
    ebuild = make_ebuild(make_job({"package": folder}, "ebuild"), "sample")
    with pytest.raises(
        EbuildRefused, match=r"mlos-base/sample\n.*MissingPythonEclass: version 1\.0\.0: .*dev-lang/python"
    ):
        make_overlay(make_job({"ebuilds/one": ebuild, "python": python}, "overlay"))


def test_pkgcheck_refuses_an_ebuild_that_bash_cannot_read(make_job: MakeJob, python: Path, tmp_path: Path) -> None:
    ebuild = make_ebuild(make_job({"package": sample(tmp_path)}, "ebuild"), "sample")
    (text,) = ebuild.rglob("*.ebuild")
    text.write_text(text.read_text() + "src_install() {\n")
    with pytest.raises(EbuildRefused, match=r"InvalidEbuild|BashSyntax|SourcingError"):
        make_overlay(make_job({"ebuilds/one": ebuild, "python": python}, "overlay"))


def test_what_has_no_name_in_gentoo_is_told_with_its_place(make_job: MakeJob, tmp_path: Path) -> None:
    folder = sample(tmp_path, "depends: [mlos-node, chrony]\n")
    with pytest.raises(InvalidInput, match=r"package\.yaml:4:22: `chrony` has no name in Gentoo"):
        make_ebuild(make_job({"package": folder}), "sample")


def test_ebuild_and_packages_are_the_same_bytes_whenever_they_are_made(
    make_job: MakeJob, python: Path, tmp_path: Path
) -> None:
    def made(name: str, cpus: int) -> dict[str, bytes]:
        folder = shutil.copytree(PACKAGES / "mlos-node", tmp_path / name / "sources", symlinks=True)
        for file in folder.rglob("*"):
            os.utime(file, (1e9 + cpus, 1e9 + cpus))
        ebuild = make_ebuild(make_job({"package": folder}, f"{name}/ebuild", cpus=cpus), "mlos-node")
        read = {"python": python}
        overlay = make_overlay(make_job({"ebuilds/one": ebuild, **read}, f"{name}/overlay", cpus=cpus))
        gpkg = make_gpkg(make_job({"ebuild": ebuild, **read}, f"{name}/gpkg", cpus=cpus))
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for folder in (ebuild, overlay, gpkg)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    first = made("one", 1)
    umask = os.umask(0o077)
    try:
        second = made("two", 2)
    finally:
        os.umask(umask)
    assert first.keys() == second.keys()
    assert [name for name, content in first.items() if second[name] != content] == []


@pytest.fixture
def host(make_job: MakeJob, python: Path) -> Path:
    """The signed packages of one ebuild."""
    ebuild = make_ebuild(make_job({"package": PACKAGES / "mlos-release"}, "ebuild"), "mlos-release")
    gpkg = make_gpkg(make_job({"ebuild": ebuild, "python": python}, "gpkg"))
    return make_binpkgs(make_job({"gpkgs/one": gpkg, "python": python}, "binpkgs"))


def refusal(job: Job) -> str:
    """Why the package is not installed."""
    with pytest.raises(ProgramFailed) as caught:
        install(job, "=mlos-base/mlos-release-1.0.0")
    assert not content(job.work / "root")
    return "\n".join(caught.value.tail)


def test_a_machine_refuses_a_package_that_was_changed_after_it_was_signed(
    make_job: MakeJob, python: Path, host: Path
) -> None:
    (package,) = host.rglob("*.gpkg.tar")
    changed = bytearray(package.read_bytes())
    changed[changed.index(b"image.tar.zst") + 1024] ^= 1  # past the rest of the member's header, in the image
    package.write_bytes(changed)
    # The index is not signed: whoever changes the package changes it as well.
    index = host / "binpkgs/Packages"
    text = index.read_text()
    for name in ("MD5", "SHA1"):
        text = re.sub(rf"^{name}: .*$", f"{name}: {hashlib.new(name, changed).hexdigest()}", text, flags=re.MULTILINE)
    index.write_text(text)
    os.utime(package, (EPOCH, EPOCH))
    (host / "binpkgs/Packages.gz").unlink()
    assert "verification failed" in refusal(make_job({"host": host, "python": python}, "install"))


def test_a_machine_refuses_a_package_that_another_key_signed(make_job: MakeJob, python: Path, host: Path) -> None:
    other = make_job({}, "other")
    gpg = ["gpg", "--homedir=/work", "--batch", "--quiet"]
    other.sandbox.run([*gpg, "--passphrase", "", "--quick-generate-key", "Someone", "ed25519", "sign", "never"])
    other.sandbox.run([*gpg, "--armor", "--export", "--output", "/out/key.asc"])
    (host / "binpkgs-key.asc").write_bytes((other.output / "key.asc").read_bytes())
    assert "GnuPG verification failed" in refusal(make_job({"host": host, "python": python}, "install"))
