"""The kernel stage on a tree of a few lines: what goes in, what is refused, what comes out.

That the real tree compiles and boots is proven by the boot tests, and what the real kconfig decides by
test_kernel_config.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from debian.debfile import DebFile

from distrobuild.errors import InvalidInput
from distrobuild.formats.patch_apply import PatchDoesNotApply
from distrobuild.stages.kernel import KernelOptions, KernelStage
from distrobuild.stages.kernel_config import SymbolsLost
from distrobuild.stages.kernel_prepare import fragment_input
from distrobuild.stages.module_signing import ThrowAwayModuleKey
from distrobuild.stages.stage import Job
from tests.stages.module_key import rsa_key, write_key
from tests.stages.small_kernel import RELEASE, write_tree

PATCH = """\
Subject: [PATCH] main: Return 3

--- a/main.c
+++ b/main.c
@@ -2,5 +2,5 @@
 int main(void)
 {
 \tputs(WHO);
-\treturn 0;
+\treturn 3;
 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_tree(tmp_path / "linux")
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches/0001-main.patch").write_text(PATCH)
    (tmp_path / "patches/series").write_text("# Name: test\n0001-main.patch\n")
    (tmp_path / "vm.config").write_text("CONFIG_PLAIN=y\n")
    return tmp_path


@pytest.fixture
def any_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def build(
    project: Path,
    make_job: Callable[..., Job],
    name: str = "job",
    cpus: int = 2,
    version: str = "1.0",
    key: Path | None = None,
) -> Path:
    options = KernelOptions(
        name="test-6.12",
        distribution="test",
        version=version,
        flavour="vm",
        maintainer="A <a@example.org>",
        base_config="allnoconfig",
        config=("kernel/config/vm.config",),
        patches="patches/6.12",
    )
    inputs = {
        "source": project / "linux",
        "patches": project / "patches",
        fragment_input("kernel/config/vm.config"): project / "vm.config",
    }
    if key is not None:
        inputs["key"] = key
    job = make_job(inputs, name, cpus=cpus)
    KernelStage(options).run(job)
    return job.output


def test_the_packages_hold_the_patched_kernel_where_boot_loaders_look(
    project: Path, make_job: Callable[..., Job], tmp_path: Path
) -> None:
    output = build(project, make_job)
    assert (output / "release").read_text() == f"{RELEASE}\n"
    identity, *names = (output / "applied").read_text().split()
    assert names == ["0001-main.patch"]
    image = output / "debs" / f"linux-image-{RELEASE}_6.12.9-test1.0_amd64.deb"
    headers = output / "debs" / f"linux-headers-{RELEASE}_6.12.9-test1.0_amd64.deb"
    assert sorted((output / "debs").iterdir()) == [headers, image]

    subprocess.run(["dpkg-deb", "--extract", image, tmp_path / "root"], check=True)
    vmlinuz = tmp_path / f"root/boot/vmlinuz-{RELEASE}"
    assert vmlinuz.stat().st_mode & 0o777 == 0o644
    vmlinuz.chmod(0o755)
    kernel = subprocess.run([vmlinuz], capture_output=True, check=False)
    assert kernel.returncode == 3
    assert kernel.stdout.decode() == f"test 1.0 {identity} Thu Jan 01 00:00:00 UTC 2026\n"
    assert (tmp_path / f"root/usr/lib/modules/{RELEASE}").is_dir()
    control = DebFile(str(image)).debcontrol()
    assert control["Provides"] == "linux-image, linux-image-test-vm (= 6.12.9-test1.0)"
    assert control["Depends"] == "kmod, initramfs-tools | linux-initramfs-tool | dracut-core"
    assert "libc6" in DebFile(str(headers)).debcontrol()["Depends"]


def test_another_version_leaves_the_configuration_as_it_is(project: Path, make_job: Callable[..., Job]) -> None:
    one, other = (build(project, make_job, version, version=version) for version in ("1.0", "2.0"))
    # Every object is compiled with the configuration: all of them would have to be compiled again.
    assert (one / "config").read_bytes() == (other / "config").read_bytes()


def test_a_key_signs_the_modules_whatever_the_fragments_say(
    project: Path, make_job: Callable[..., Job], tmp_path: Path
) -> None:
    (project / "vm.config").write_text('# CONFIG_MODULE_SIG_ALL is not set\nCONFIG_MODULE_SIG_KEY=""\n')
    assert "CONFIG_MODULE_SIG_ALL=y" not in (build(project, make_job, "unsigned") / "config").read_text()
    config = (build(project, make_job, "signed", key=write_key(tmp_path / "key.pem", rsa_key())) / "config").read_text()
    assert "CONFIG_MODULE_SIG_ALL=y" in config
    assert 'CONFIG_MODULE_SIG_KEY="/inputs/key"' in config


def test_a_key_that_would_be_thrown_away_is_refused_before_it_is_made(
    project: Path, make_job: Callable[..., Job]
) -> None:
    (project / "vm.config").write_text('CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n')
    with pytest.raises(ThrowAwayModuleKey, match="no two builds would be equal"):
        build(project, make_job)


def test_the_maintainer_scripts_run_the_hooks_with_release_and_image(
    project: Path, make_job: Callable[..., Job], tools_root: Path
) -> None:
    output = build(project, make_job)
    image = DebFile(str(output / "debs" / f"linux-image-{RELEASE}_6.12.9-test1.0_amd64.deb"))
    for name in ("preinst", "postinst", "prerm", "postrm"):
        script = image.control.get_content(name).decode()
        assert f"/etc/kernel/{name}.d" in script
        assert f"--arg={RELEASE} --arg=/boot/vmlinuz-{RELEASE}" in script
        subprocess.run(["sh", "-n"], input=script.encode(), check=True)


def test_the_same_bytes_come_out_whatever_the_umask_the_folder_and_the_processors(
    project: Path, make_job: Callable[..., Job], request: pytest.FixtureRequest
) -> None:
    first = build(project, make_job, "first", cpus=1)
    request.getfixturevalue("any_umask")
    second = build(project, make_job, "second", cpus=4)
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert len(files) == 6
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_bad_patches_and_fragments_are_all_found_before_anything_is_unpacked(
    project: Path, make_job: Callable[..., Job]
) -> None:
    (project / "patches/0001-main.patch").write_text(PATCH.replace("-2,5", "-2,6"))
    (project / "patches/series").write_text("0001-main.patch\n0002-none.patch\n")
    (project / "vm.config").write_text("PLAIN=y\n")
    with pytest.raises(InvalidInput) as caught:
        build(project, make_job)
    assert [str(problem.location) for problem in caught.value.problems] == [
        "patches/6.12/series:2:1",
        "patches/6.12/0001-main.patch:5:1",
        "kernel/config/vm.config:1:1",
    ]
    assert not any((project / "job/work").iterdir())


def test_a_patch_that_no_longer_applies_stops_with_its_hunk_and_both_lines(
    project: Path, make_job: Callable[..., Job]
) -> None:
    source = project / "linux/main.c"
    source.write_text(source.read_text().replace("puts", "printf"))
    with pytest.raises(PatchDoesNotApply) as caught:
        build(project, make_job)
    (problem,) = caught.value.problems
    assert str(problem.location) == "patches/6.12/0001-main.patch:5:1"
    assert problem.message == "hunk 1 does not apply to main.c: at line 4 expected `puts(WHO);`, found `printf(WHO);`"
    assert problem.hint is not None
    assert "this tree is 6.12.9" in problem.hint


def test_a_symbol_that_cannot_be_set_stops_with_what_it_lacks(project: Path, make_job: Callable[..., Job]) -> None:
    (project / "vm.config").write_text("CONFIG_PLAIN=y\nCONFIG_IMPOSSIBLE=y\n# CONFIG_PLANE is not set\n")
    with pytest.raises(SymbolsLost) as caught:
        build(project, make_job)
    lost, *_ = caught.value.problems
    assert str(lost) == (
        "kernel/config/vm.config:2:1: CONFIG_IMPOSSIBLE: wanted y, got n\n  hint: Kconfig:1 needs `MAGIC` (MAGIC=n)"
    )
