"""What an image gets for the accelerators that it is for, and what is refused before anything is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from distrobuild.cli.session import Session
from distrobuild.errors import InvalidInput
from distrobuild.manifest.drivers import bases_with
from distrobuild.manifest.lock import Lock, LockedPackage, Section
from distrobuild.manifest.values import DriverName
from distrobuild.plan.drivers import driver_problems
from distrobuild.plan.locking import wanted_sections
from distrobuild.plan.selection import Selection
from distrobuild.plan.targets import plan_target

MANIFEST = """\
name: demo
version: 1.0.0
kernels:
  old: {source: {apt: linux-source-6.12}, flavours: {server: {}, vm: {}}}
  new: {source: {kernel.org: 7.2.13, sha256: DIGEST}}
  work: {source: {git: "https://example.org/linux.git", commit: COMMIT}}
targets:
  box:
    base: {distribution: debian, suite: trixie}
    kernel: old
    drivers: [DRIVERS]
    flavours:
      vm: {drivers: []}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def session(
    project: Path, drivers: str, *others: str, base: str | None = None, flavour: str = "server", kernel: str = "old"
) -> Session:
    text = MANIFEST.replace("DRIVERS", drivers).replace("DIGEST", "a" * 64).replace("COMMIT", "b" * 40)
    (project / "distro.yaml").write_text(text)
    return Session((project / "distro.yaml",), others, base, flavour, kernel)


def refused(session: Session) -> tuple[str, str | None]:
    """Place and message of the one problem, and its hint."""
    with pytest.raises(InvalidInput) as caught:
        session.select("box")
    (problem,) = caught.value.problems
    location = problem.location
    return f"{location.line}:{location.column}: {problem.message}", problem.hint


def test_the_firmware_of_a_driver_is_asked_of_the_part_of_the_archive_that_has_it(project: Path) -> None:
    request = wanted_sections(session(project, "amdgpu, ivpu").select("box"))["box/debian:trixie/server"].request
    assert {"firmware-amd-graphics", "firmware-intel-misc"} <= set(request.install)
    assert request.components == ("non-free-firmware",)


def test_nothing_of_the_archive_is_on_that_no_driver_needs(project: Path) -> None:
    request = wanted_sections(session(project, "").select("box"))["box/debian:trixie/server"].request
    assert request.components == ()
    assert not [name for name in request.install if name.startswith("firmware")]


def test_a_flavour_without_drivers_gets_none(project: Path) -> None:
    chosen = session(project, "amdgpu, nvidia-open", flavour="vm").select("box")
    sections = wanted_sections(chosen)
    assert sections["box/debian:trixie/vm"].request.components == ()
    assert not [name for name in sections if name.startswith("drivers/")]


def test_another_base_brings_its_own_packages(project: Path) -> None:
    chosen = session(project, "amdgpu, xe", base="ubuntu:noble").select("box")
    request = wanted_sections(chosen)["box/ubuntu:noble/server"].request
    assert "linux-firmware" in request.install
    assert request.components == ()


def test_the_source_of_modules_is_fetched_alone(project: Path) -> None:
    request = wanted_sections(session(project, "nvidia-open").select("box"))[
        "drivers/nvidia-open/debian:trixie"
    ].request
    assert (request.install, request.dependencies) == (("nvidia-open-kernel-source",), False)
    assert "contrib" in request.components


def test_modules_are_made_for_the_kernel_of_the_image_and_installed_with_it(project: Path) -> None:
    chosen = session(project, "nvidia-open").select("box")
    plan = plan_target(chosen, lock_of(chosen))
    made, kernel = plan.find("driver_modules/nvidia-open"), plan.find("kernel")
    assert made.inputs["kernel"] is kernel
    assert made in plan.find("repository").needs
    assert "linux-modules-nvidia-open-demo-server" in plan.find("install").stage.options.packages


def test_the_licences_are_told_before_a_build(project: Path) -> None:
    (remark,) = session(project, "nvidia-open").select("box").remarks
    assert remark.startswith("driver nvidia-open: modules MIT")
    assert "NVIDIA Software License; from contrib, non-free, non-free-firmware" in remark


def test_a_slip_in_a_name_is_told_with_the_name_that_was_meant(project: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        session(project, "amdgpu, nvidia-opne").select("box")
    (problem,) = caught.value.problems
    assert (problem.location.line, problem.location.column) == (11, 23)
    assert problem.message == "`targets.box.drivers[1]` cannot be `nvidia-opne`"
    assert problem.hint == "did you mean `nvidia-open`?"


def test_a_base_without_packages_of_a_driver_is_refused_with_one_that_has_them(project: Path) -> None:
    assert refused(session(project, "xe, nvidia-open", base="ubuntu:noble")) == (
        "11:19: no packages of the driver `nvidia-open` are known for ubuntu:noble",
        "they are for `debian:trixie`; `--set targets.box.drivers=[]` leaves all drivers out",
    )


def test_a_release_that_nobody_looked_at_has_no_drivers(project: Path) -> None:
    message, _ = refused(session(project, "xe", base="debian:forky"))
    assert message == "11:15: no packages of the driver `xe` are known for debian:forky"


def test_a_driver_of_a_flavour_is_refused_where_the_flavour_names_it(project: Path) -> None:
    words = "targets.box.flavours.vm.drivers=[nvidia-open]"
    with pytest.raises(InvalidInput, match=r"targets\.box\.flavours\.vm\.drivers"):
        session(project, "", words, base="ubuntu:noble", flavour="vm").select("box")


def test_modules_that_do_not_compile_for_a_kernel_are_refused_before_it_is_built(project: Path) -> None:
    message, hint = refused(session(project, "nvidia-open", kernel="new"))
    assert message == "11:15: the modules of `nvidia-open` in debian:trixie do not compile for Linux 7.2"
    assert hint == "they do up to 6.15: `kernel` or `--kernel` names an older one"


def test_a_kernel_whose_line_nobody_tells_is_tried(project: Path) -> None:
    chosen = session(project, "nvidia-open", kernel="work")
    assert not list(driver_problems(chosen.select("box"), chosen.loaded))


def test_modules_are_refused_where_usr_is_verified(project: Path) -> None:
    text = yaml.safe_load(MANIFEST.replace("DRIVERS", "nvidia-open").replace("DIGEST", "a" * 64))
    text["kernels"].pop("work")
    text["targets"]["box"].pop("base")
    text["targets"]["box"]["source"] = {"debian": "trixie"}
    (project / "distro.yaml").write_text(yaml.safe_dump(text))
    message, _ = refused(Session((project / "distro.yaml",), (), None, "server"))
    assert "sets itself up below /etc" in message


def test_every_driver_has_a_base() -> None:
    assert [driver for driver in DriverName if not bases_with(driver)] == []


def lock_of(chosen: Selection) -> Lock:
    """A lock that fits: each section with one package."""
    package = LockedPackage(
        package="p", version="1", architecture="amd64", name="p.deb", url="https://x/p.deb", size=1, sha256="a" * 64
    )
    return Lock(
        sections={
            name: Section(request=wanted.request, repositories=(), packages=(package,))
            for name, wanted in wanted_sections(chosen).items()
        }
    )
