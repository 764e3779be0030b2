"""Packages built for real: dpkg-buildpackage, dpkg; lintian judges them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from debian.debfile import DebFile

from distrobuild.errors import InvalidInput
from distrobuild.manifest.package import load_package
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox
from distrobuild.stages.deb import DebOptions, DebStage
from distrobuild.stages.lint import LintOptions, LintStage
from distrobuild.stages.stage import Job
from tests import mlos

PACKAGES = Path(__file__).parents[2] / "packages"
SAMPLE = """\
name: sample
summary: something to build
description: It is here to be built by a test.
"""
MakeJob = Callable[..., Job]


def build(job: Job, name: str, distribution: str = "debian", suite: str = "trixie") -> Path:
    options = DebOptions(
        package=name,
        name="mlos",
        title="MLOS Linux",
        version="1.0.0",
        maintainer="MLOS Linux maintainers <maintainers@mlos.invalid>",
        base_distribution=distribution,
        base_suite=suite,
    )
    DebStage(options).run(job)
    (deb,) = (job.output / "debs").iterdir()
    return deb


def lint(make_job: MakeJob, deb: Path, name: str = "lint") -> None:
    LintStage(LintOptions()).run(make_job({"package": deb.parents[1]}, name))


def control(deb: Path) -> dict[str, str]:
    with DebFile(str(deb)) as file:
        return dict(file.debcontrol())


def content(deb: Path, path: str) -> str:
    with DebFile(str(deb)) as file:
        data = file.data.get_content(path)
    assert data is not None
    return data.decode()


def sample(folder: Path, text: str = "", **files: str) -> Path:
    """A package `sample`; `files` are its sources."""
    place = folder / "sample"
    (place / "source").mkdir(parents=True)
    (place / "package.yaml").write_text(SAMPLE + text)
    for name, source in files.items():
        (place / "source" / name).write_text(source)
    return place


@pytest.mark.parametrize("name", sorted(folder.name for folder in PACKAGES.iterdir()))
def test_every_package_of_this_project_is_clean_to_lintian(name: str, make_job: MakeJob) -> None:
    deb = build(make_job({"package": PACKAGES / name}), name)
    architecture = load_package(PACKAGES / name).architecture
    assert deb.name == f"{name}_1.0.0_{'all' if architecture == 'all' else mlos.selection().architecture}.deb"
    lint(make_job, deb)


def test_a_package_is_the_same_bytes_from_another_folder_at_another_time(tmp_path: Path, make_job: MakeJob) -> None:
    first = build(make_job({"package": PACKAGES / "mlos-node"}, name="first", cpus=1), "mlos-node")
    elsewhere = shutil.copytree(PACKAGES / "mlos-node", tmp_path / "elsewhere", symlinks=True)
    for file in elsewhere.rglob("*"):
        os.utime(file, (1e9, 1e9))
        if file.is_file():
            file.chmod(0o600 | (file.stat().st_mode & 0o100))
    umask = os.umask(0o077)
    try:
        second = build(make_job({"package": elsewhere}, name="a/second", cpus=2), "mlos-node")
    finally:
        os.umask(umask)
    assert second.read_bytes() == first.read_bytes()


def test_a_clock_behind_the_fixed_one_does_not_show_in_a_package(tmp_path: Path, make_job: MakeJob) -> None:
    next_century = 4102444800
    folder = sample(tmp_path)
    (folder / "files/usr/lib").mkdir(parents=True)
    (folder / "files/usr/lib/sample.conf").write_text("something = 1\n")
    deb = build(make_job({"package": folder}, epoch=next_century), "sample")
    with DebFile(str(deb)) as file:
        members = [*file.data.tgz().getmembers(), *file.control.tgz().getmembers()]
    assert {member.mtime for member in members} == {next_century}


def test_os_release_names_the_distribution_and_what_it_is_built_on(make_job: MakeJob) -> None:
    inputs = {"package": PACKAGES / "mlos-release"}
    on_ubuntu = content(build(make_job(inputs), "mlos-release", "ubuntu", "noble"), "usr/lib/os-release")
    assert 'PRETTY_NAME="MLOS Linux 1.0.0"\n' in on_ubuntu
    assert "\nID=mlos\n" in on_ubuntu
    assert '\nID_LIKE="ubuntu debian"\n' in on_ubuntu
    assert "\nUBUNTU_CODENAME=noble\n" in on_ubuntu


def test_dependencies_follow_the_base(make_job: MakeJob) -> None:
    inputs = {"package": PACKAGES / "mlos-toolchain"}
    on_debian = control(build(make_job(inputs, "debian"), "mlos-toolchain"))
    on_ubuntu = control(build(make_job(inputs, "ubuntu"), "mlos-toolchain", "ubuntu", "noble"))
    assert "python3-torch" in on_debian["Depends"]
    assert "python3-torch" not in on_ubuntu["Depends"]
    assert "python3-numpy" in on_ubuntu["Depends"]


def test_c_sources_are_compiled_and_their_libraries_found(tmp_path: Path, make_job: MakeJob) -> None:
    folder = sample(
        tmp_path,
        "architecture: any\n"
        'depends: ["chrony >= 4 | openntpd", "libc-bin > 1"]\n'
        'build: [make CFLAGS="$CFLAGS $CPPFLAGS" LDFLAGS="$LDFLAGS" hello]\n'
        'install: [install -D hello "$DESTDIR/usr/libexec/hello"]\n'
        "lintian_overrides:\n  - {tag: hardening-no-fortify-functions, reason: The program calls only puts.}\n",
        **{"hello.c": '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n'},
    )
    job = make_job({"package": folder})
    deb = build(job, "sample")
    assert deb.name == "sample_1.0.0_amd64.deb"
    lint(make_job, deb)
    depends = control(deb)["Depends"]
    assert "libc6 (>= " in depends
    assert "chrony (>= 4) | openntpd" in depends
    assert "libc-bin (>> 1)" in depends
    job.sandbox.run(["dpkg-deb", "--extract", f"/out/debs/{deb.name}", "/work/root"])
    assert job.sandbox.read(["/work/root/usr/libexec/hello"]) == b"hello\n"


def test_a_library_that_a_package_names_is_not_needed_in_the_version_of_the_tools_root(make_job: MakeJob) -> None:
    relations = control(build(make_job({"package": PACKAGES / "mlos-dataplane"}), "mlos-dataplane"))["Depends"]
    assert [each for each in relations.split(", ") if "hwloc" in each] == ["libhwloc15"]


def test_a_failing_build_ends_with_what_the_compiler_said(tmp_path: Path, make_job: MakeJob) -> None:
    folder = sample(tmp_path, "architecture: any\nbuild: [make hello]\n", **{"hello.c": "int main(void) { oops }\n"})
    with pytest.raises(ProgramFailed) as caught:
        build(make_job({"package": folder}), "sample")
    assert any("oops" in line and "undeclared" in line for line in caught.value.tail)
    assert caught.value.command[0] == "dpkg-buildpackage"


def test_a_complaint_of_lintian_stops_the_build_and_an_override_with_reason_settles_it(
    tmp_path: Path, make_job: MakeJob
) -> None:
    folder = sample(tmp_path)
    program = folder / "files/usr/bin/sample"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    refused = build(make_job({"package": folder}, "refused"), "sample")
    with pytest.raises(ProgramFailed) as caught:
        lint(make_job, refused, "lint refused")
    assert caught.value.command[0] == "lintian"
    assert any("no-manual-page" in line for line in caught.value.tail)

    override = "lintian_overrides:\n  - {tag: no-manual-page, reason: It does nothing that a page could describe.}\n"
    (folder / "package.yaml").write_text(SAMPLE + override)
    deb = build(make_job({"package": folder}, "settled"), "sample")
    lint(make_job, deb, "lint settled")
    assert "# It does nothing" in content(deb, "usr/share/lintian/overrides/sample")


def test_a_template_that_names_an_unknown_fact_is_told_with_its_place(tmp_path: Path, make_job: MakeJob) -> None:
    folder = sample(tmp_path)
    template = folder / "files/usr/lib/sample.j2"
    template.parent.mkdir(parents=True)
    template.write_text("{{ title }}\n{{ codename }}\n")
    with pytest.raises(InvalidInput, match=r"sample\.j2:2:1: 'codename' is undefined") as caught:
        build(make_job({"package": folder}), "sample")
    assert "base_suite" in str(caught.value.problems[0].hint)


def test_a_package_of_another_name_than_asked_for_is_refused(tmp_path: Path, make_job: MakeJob) -> None:
    with pytest.raises(InvalidInput, match="the package is called `sample`, but its folder `other`"):
        build(make_job({"package": sample(tmp_path)}), "other")


class Machine:
    """A root file system that dpkg installs into, with a package `base` whose os-release is diverted."""

    def __init__(self, job: Job, debs: dict[str, Path]) -> None:
        self.root = job.work / "machine"
        self.sandbox = replace(job.sandbox, inputs=debs)
        database = self.root / "var/lib/dpkg"
        (database / "info").mkdir(parents=True)
        (database / "updates").mkdir()
        (database / "status").touch()

    def dpkg(self, *arguments: str) -> None:
        self.sandbox.run(["dpkg", "--root=/work/machine", "--force-script-chrootless", *arguments])

    def install(self, name: str) -> None:
        self.dpkg("--install", f"/inputs/{name}")

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


def base_package(tmp_path: Path, make_job: MakeJob, version: str) -> Path:
    folder = tmp_path / version / "base"
    (folder / "files/usr/lib").mkdir(parents=True)
    (folder / "files/etc").mkdir()
    (folder / "files/usr/lib/os-release").write_text(f"ID=base-{version}\n")
    (folder / "files/etc/issue").write_text(f"base {version}\n")
    (folder / "package.yaml").write_text(SAMPLE.replace("sample", "base") + f"version: '{version}'\n")
    return build(make_job({"package": folder}, f"base-{version}"), "base")


def test_diverted_files_survive_an_update_of_their_owner_and_come_back_on_removal(
    tmp_path: Path, make_job: MakeJob
) -> None:
    debs = {f"base{version}": base_package(tmp_path, make_job, version) for version in ("1", "2")}
    debs["release"] = build(make_job({"package": PACKAGES / "mlos-release"}, "release"), "mlos-release")
    machine = Machine(make_job({}, "machine"), debs)
    machine.install("base1")
    machine.install("release")
    assert "ID=mlos\n" in machine.read("usr/lib/os-release")
    assert machine.read("usr/lib/os-release.base") == "ID=base-1\n"

    machine.install("release")
    assert machine.read("usr/lib/os-release.base") == "ID=base-1\n", "a second installation copied our own file"
    machine.install("base2")
    assert "ID=mlos\n" in machine.read("usr/lib/os-release")
    assert machine.read("usr/lib/os-release.base") == "ID=base-2\n"

    machine.dpkg("--remove", "mlos-release")
    assert machine.read("usr/lib/os-release") == "ID=base-2\n"
    assert machine.read("etc/issue") == "base 2\n"
    assert not list(machine.root.rglob("*.base"))


@pytest.fixture
def node(make_job: MakeJob) -> Sandbox:
    """A sandbox with the files of mlos-node as a root file system in /inputs/node."""
    return make_job({"node": PACKAGES / "mlos-node" / "files"}).sandbox


def test_units_rules_and_groups_of_the_node_are_valid(node: Sandbox) -> None:
    configuration = "/inputs/node/usr/lib"
    node.run(["udevadm", "verify", "--resolve-names=never", f"{configuration}/udev/rules.d"])
    node.run(["systemd-sysusers", "--dry-run", f"{configuration}/sysusers.d/mlos-node.conf"])
    complaints: list[str] = []  # an unknown key is only a warning to systemd-analyze
    analyze = ["systemd-analyze", "--man=no", "--root=/inputs/node", "verify", "mlos-role.service"]
    replace(node, log=complaints.append).run(analyze)
    assert complaints == []
