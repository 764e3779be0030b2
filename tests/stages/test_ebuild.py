"""Ebuilds made of packages: judged by pkgcheck, built and installed by Portage, and the same files as the `.deb`s."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.binpkgs import BinpkgsOptions, BinpkgsStage
from distrobuild.stages.deb import DebOptions, DebStage
from distrobuild.stages.ebuild import EbuildOptions, EbuildStage
from distrobuild.stages.gpkg import GpkgOptions, GpkgStage
from distrobuild.stages.kernel import KernelOptions, KernelStage, fragment_input
from distrobuild.stages.kernel_ebuild import KernelEbuildOptions, KernelEbuildStage
from distrobuild.stages.overlay import EbuildRefused, OverlayOptions, OverlayStage
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job
from tests import mlos
from tests.stages import small_kernel
from tests.stages.local_archive import EPOCH

PACKAGES = Path(__file__).parents[2] / "packages"
OWN = tuple(sorted(folder.name for folder in PACKAGES.iterdir()))
SAMPLE = """\
name: sample
summary: something to build
description: It is here to be built by a test.
"""
FACTS = {
    "name": "mlos",
    "title": "MLOS Linux",
    "version": "1.0.0",
    "maintainer": "MLOS Linux maintainers <maintainers@mlos.invalid>",
    "base_distribution": "debian",
    "base_suite": "trixie",
}
NOT_COMPARED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "var/db", "var/lib/portage", "var/cache/edb")
"""Documentation, and what a package manager writes for itself."""
MADE_BY_PORTAGE = {"etc/csh.env", "etc/environment.d/10-gentoo-env.conf", "etc/ld.so.conf", "etc/profile.env"}
"""What env-update makes of all packages together."""
MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def python() -> Path:
    """The environment with Portage and pkgcheck."""
    return mlos.build("python", target="flatcar")["python"].output


def make_ebuild(job: Job, name: str) -> Path:
    EbuildStage(EbuildOptions(package=name, own=OWN, **FACTS)).run(job)
    return job.output


def make_overlay(job: Job) -> Path:
    OverlayStage(OverlayOptions(name="mlos")).run(job)
    return job.output


def make_gpkg(job: Job) -> Path:
    GpkgStage(GpkgOptions(name="mlos")).run(job)
    return job.output


def make_binpkgs(job: Job) -> Path:
    BinpkgsStage(BinpkgsOptions(name="mlos", title="MLOS Linux")).run(job)
    return job.output


def make_deb(job: Job, name: str) -> Path:
    DebStage(DebOptions(package=name, **FACTS)).run(job)
    (deb,) = (job.output / "debs").iterdir()
    return deb


def install(job: Job, *atoms: str, **settings: str) -> Path:
    """Install from the signed packages below /inputs/host as a machine does that trusts their key."""
    job.sandbox.run(["mkdir", "--mode=700", "/work/trusted"])
    gpg = ["gpg", "--homedir=/work/trusted", "--batch", "--quiet"]
    job.sandbox.run([*gpg, "--import", "/inputs/host/binpkgs-key.asc"])
    listed = job.sandbox.read([*gpg, "--list-keys", "--with-colons"]).decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
    job.sandbox.run([*gpg, "--import-ownertrust"], stdin=f"{fingerprint}:6:\n".encode())
    job.sandbox.run([*gpg, "--check-trustdb"])
    write_repository(job.work / REPOSITORY, "mlos", [])
    trusting = {
        "PKGDIR": "/inputs/host/binpkgs",
        "FEATURES": "binpkg-request-signature",
        "BINPKG_GPG_VERIFY_GPG_HOME": "/work/trusted",
        "GPG_VERIFY_USER_DROP": "",
        "GPG_VERIFY_GROUP_DROP": "",
    }
    (job.work / "root").mkdir(exist_ok=True)
    portage = Portage(job, "mlos", {**trusting, **settings})
    portage.emerge("--usepkgonly", "--nodeps", "--oneshot", *atoms, environment={"ROOT": "/work/root"})
    return job.work / "root"


def content(root: Path) -> dict[str, tuple[str, int, str]]:
    """Path to kind, mode and content (of a link: its target) of everything that is no folder, and modes of folders."""
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        status = path.lstat()
        if name in MADE_BY_PORTAGE or any(f"{name}/".startswith(f"{folder}/") for folder in NOT_COMPARED):
            continue
        if path.is_symlink():
            found[name] = ("link", 0, str(path.readlink()))
        elif path.is_file():
            found[name] = ("file", stat.S_IMODE(status.st_mode), path.read_bytes().hex())
        elif any(each.is_symlink() or each.is_file() for each in path.rglob("*")):
            found[name] = ("folder", stat.S_IMODE(status.st_mode), "")
    empty = [name for name, (kind, *_) in found.items() if kind == "folder" and not _has_files(name, found)]
    return {name: entry for name, entry in found.items() if name not in empty}


def _has_files(folder: str, found: Mapping[str, tuple[str, int, str]]) -> bool:
    return any(name.startswith(f"{folder}/") and entry[0] != "folder" for name, entry in found.items())


def sample(folder: Path, text: str = "", files: Mapping[str, str] | None = None) -> Path:
    """A package `sample`."""
    place = folder / "sample"
    place.mkdir()
    (place / "package.yaml").write_text(SAMPLE + text)
    for name, source in (files or {}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(source)
    return place


def everything(make_job: MakeJob, python: Path, ebuild: Path) -> Path:
    """From an ebuild to the signed packages, past pkgcheck."""
    overlay = make_overlay(make_job({"ebuilds/one": ebuild, "python": python}, "overlay"))
    assert (overlay / "overlay/profiles/repo_name").read_text() == "mlos\n"
    gpkg = make_gpkg(make_job({"ebuild": ebuild, "python": python}, "gpkg"))
    return make_binpkgs(make_job({"gpkgs/one": gpkg, "python": python}, "binpkgs"))


@pytest.mark.parametrize("name", OWN)
def test_deb_and_ebuild_of_every_package_install_the_same_files(name: str, make_job: MakeJob, python: Path) -> None:
    inputs = {"package": PACKAGES / name}
    host = everything(make_job, python, make_ebuild(make_job(inputs, "ebuild"), name))
    root = install(make_job({"host": host, "python": python}, "install"), f"=mlos-base/{name}-1.0.0")

    job = make_job(inputs, "deb")
    deb = make_deb(job, name)
    job.sandbox.run(["dpkg-deb", "--extract", f"/out/debs/{deb.name}", "/work/root"])
    assert content(root) == content(job.work / "root")
    assert bool(content(root)) == (PACKAGES / name / "files").is_dir()


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


@pytest.fixture
def kernel(make_job: MakeJob, tmp_path: Path) -> dict[str, Path]:
    """A kernel of a few lines: source, patches, and what the kernel stage made of them."""
    source = tmp_path / "linux"
    small_kernel.write_tree(source)
    patches = tmp_path / "patches"
    patches.mkdir()
    (patches / "series").write_text("# Name: test\nplain.patch\n")
    (patches / "plain.patch").write_text(
        "From: Test <test@localhost>\nSubject: Say more\n\nIt says more.\n\nSigned-off-by: Test <test@localhost>\n---\n"
        "diff --git a/main.c b/main.c\n--- a/main.c\n+++ b/main.c\n@@ -2,5 +2,6 @@\n int main(void)\n {\n"
        ' \tputs(WHO);\n+\tputs("more");\n \treturn 0;\n }\n'
    )
    fragment = tmp_path / "vm.config"
    fragment.write_text("CONFIG_PLAIN=y\n")
    inputs = {"source": source, "patches": patches, fragment_input("vm.config"): fragment}
    options = KernelOptions(
        name="test",
        distribution="test",
        version="1.0.0",
        flavour="vm",
        maintainer="Test <test@localhost>",
        base_config="allnoconfig",
        config=("vm.config",),
        patches="patches",
        ccache=False,
    )
    job = make_job(inputs, "kernel")
    KernelStage(options).run(job)
    return {"source": source, "patches": patches, "kernel": job.output}


def make_kernel_ebuild(job: Job) -> Path:
    facts = {name: FACTS[name] for name in ("title", "version", "maintainer")}
    KernelEbuildStage(KernelEbuildOptions(name="test", flavour="vm", **facts)).run(job)
    return job.output


VERSION = f"{small_kernel.RELEASE.partition('-')[0]}.1.0.0"
COMPILED = (f"=sys-kernel/test-kernel-vm-{VERSION}", f"=sys-kernel/test-modules-vm-{VERSION}")


def image_content(kernel: Path, job: Job) -> dict[str, tuple[str, int, str]]:
    """What linux-image installs."""
    (deb,) = (kernel / "debs").glob("linux-image-*.deb")
    job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/kernel/debs/{deb.name}", "/work/root"])
    return content(job.work / "root")


def test_the_kernels_ebuilds_install_the_files_of_its_deb(
    make_job: MakeJob, python: Path, kernel: dict[str, Path]
) -> None:
    host = everything(make_job, python, make_kernel_ebuild(make_job(kernel, "ebuild")))
    root = install(make_job({"host": host, "python": python}, "install"), *COMPILED)
    assert content(root) == image_content(kernel["kernel"], make_job({"kernel": kernel["kernel"]}, "deb"))


def test_a_kernel_compiled_from_its_ebuilds_is_the_one_that_was_prebuilt(
    make_job: MakeJob, python: Path, kernel: dict[str, Path]
) -> None:
    ebuild = make_kernel_ebuild(make_job(kernel, "ebuild"))
    job = make_job({"ebuild": ebuild, "python": python}, "compile")
    write_repository(job.work / REPOSITORY, "mlos", [ebuild / "repository"])
    settings = {"DISTDIR": "/inputs/ebuild/distfiles", "USE": "-prebuilt", "PKGDIR": "/work/binpkgs"}
    portage = Portage(job, "mlos", settings)
    (job.work / "root").mkdir()
    sources = f"=sys-kernel/test-sources-{VERSION}"
    portage.emerge(
        "--nodeps", "--oneshot", sources, *COMPILED, environment={"ROOT": "/work/root", "SYSROOT": "/work/root"}
    )
    installed = content(job.work / "root")
    compiled = {path: entry for path, entry in installed.items() if not path.startswith("usr/src")}
    expected = image_content(kernel["kernel"], make_job({"kernel": kernel["kernel"]}, "deb"))
    assert {path for path in installed if path.endswith("main.c")} == {"usr/src/linux-6.12.9-test/main.c"}
    assert "more" in (job.work / "root/usr/src/linux-6.12.9-test/main.c").read_text()
    assert {path: entry for path, entry in compiled.items() if path != "usr"} == {
        path: entry for path, entry in expected.items() if path != "usr"
    }
