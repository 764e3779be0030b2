"""The kernel as ebuilds: what was compiled already, and what Portage compiles itself, are the files of its `.deb`."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.stages.kernel import KernelOptions, KernelStage
from distrobuild.stages.kernel_ebuild import KernelEbuildOptions, KernelEbuildStage
from distrobuild.stages.kernel_prepare import fragment_input
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job
from tests.stages import small_kernel
from tests.stages.portage_chain import FACTS, MakeJob, content, everything, install


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
