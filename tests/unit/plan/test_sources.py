"""What a target of Flatcar's family is made of decides which stages there are, and what must be locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distrobuild.manifest.lock import Lock, Repository, Section
from distrobuild.manifest.models import Manifest
from distrobuild.plan.early import check_sources
from distrobuild.plan.graph import Plan
from distrobuild.plan.key import keys
from distrobuild.plan.locking import wanted_sections
from distrobuild.plan.selection import Selection, UnknownChoice, select
from distrobuild.plan.targets import plan_target
from distrobuild.stages.release import ReleaseStage

SHA256 = "a" * 64
PACKAGE = """
name: demo-node
summary: defaults of a machine
description: A package that stands for the project's own ones.
"""
SYSEXT = {"packages": ["demo-node"], "fits": "any"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "packages/demo-node").mkdir(parents=True)
    (tmp_path / "packages/demo-node/package.yaml").write_text(PACKAGE)
    for name in ("box.bu", "flatcar.bin.bz2", "flatcar.sig", "flatcar.asc"):
        (tmp_path / name).write_text(name)
    return tmp_path


def selection(root: Path, source: object, base: str | None = None, **more: Any) -> Selection:
    target = {"source": source, "sysext": SYSEXT, "ignition": "box.bu", **more}
    manifest = Manifest.model_validate(
        {
            "name": "demo",
            "version": "1.0",
            "kernels": {"k": {"source": {"apt": "linux-source-6.12"}}},
            "targets": {"box": target},
        }
    )
    return select(manifest, root, "box", base, None)


def plan(root: Path, source: object, **more: Any) -> Plan:
    chosen = selection(root, source, **more)
    place = Repository(mirror="file:///archive", suites=("trixie",), components=("main",), keyring="/key.gpg")
    sections = {
        name: Section(request=wanted.request, repositories=(place,), packages=())
        for name, wanted in wanted_sections(chosen).items()
    }
    return plan_target(chosen, Lock(sections=sections))


def names(made: Plan) -> list[str]:
    return [node.name for node in made]


OFFICIAL = {"official": "flatcar.bin.bz2", "sha256": SHA256}
RELEASE = {"release": "4593.2.5", "keyring": "flatcar.asc"}
SIGNED = {"official": "flatcar.bin.bz2", "signature": "flatcar.sig", "keyring": "flatcar.asc"}


def test_without_a_source_there_are_the_extension_and_the_config(root: Path) -> None:
    made = plan(root, "none")
    assert [goal.name for goal in made.goals] == ["sysext", "ignition", "lint/demo-node"]
    assert names(made) == ["fetch/tools", "tools", "deb/demo-node", "sysext", "ignition", "lint/demo-node"]
    assert made.image is None


@pytest.mark.parametrize("source", ["none", OFFICIAL, RELEASE])
def test_without_an_own_system_only_the_tools_are_locked(root: Path, source: object) -> None:
    assert list(wanted_sections(selection(root, source, kernel="k"))) == ["tools"]


def test_a_kernel_that_nothing_boots_is_not_looked_at(root: Path) -> None:
    chosen = selection(root, "none", kernel="k", flavour="unheard-of")
    assert chosen.kernel is None
    check_sources(chosen)


@pytest.mark.parametrize("source", ["none", OFFICIAL, {"debian": "trixie"}], ids=["none", "official", "debian"])
def test_another_kernel_must_be_one_of_the_manifest_even_where_none_boots(root: Path, source: object) -> None:
    manifest = selection(root, source, kernel="k").manifest
    with pytest.raises(UnknownChoice, match="there is no kernel `other`") as error:
        select(manifest, root, "box", None, None, kernel="other")
    assert error.value.hint == "there is: `k`"


def test_a_release_gets_the_config_and_the_kernels_arguments(root: Path) -> None:
    made = plan(root, OFFICIAL, kernel_arguments=["quiet"])
    assert made.image is not None
    assert made.image.name == "provision"
    assert {name: node.name for name, node in made.image.inputs.items() if not hasattr(node, "path")} == {
        "image": "official",
        "ignition": "ignition",
    }
    assert made.image.stage.options.kernel_arguments == ("quiet",)
    assert made.image.stage.options.file_name == "demo-1.0-flatcar-amd64.raw"
    assert "kernel" not in names(made)


OWN_KERNEL = {"kernel": "k", "flavour": "server"}


@pytest.mark.parametrize("source", [OFFICIAL, RELEASE], ids=["official", "release"])
def test_a_release_gets_a_kernel_of_the_manifest(root: Path, source: dict[str, str]) -> None:
    made = plan(root, {**source, "level": "kernel"}, **OWN_KERNEL)
    assert made.image is not None
    inputs = {name: node.name for name, node in made.image.inputs.items() if not hasattr(node, "path")}
    wanted = {"image": "official", "ignition": "ignition", "transplant": "transplant", "verity": "verity"}
    assert inputs == wanted
    assert {"official/system", "squashfs/usr", "kernel", "fetch/kernel"} <= set(names(made))
    assert not {"rootfs", "install", "repository"} & set(names(made))


def test_for_the_kernel_of_a_release_only_tools_and_its_source_are_locked(root: Path) -> None:
    chosen = selection(root, {**OFFICIAL, "level": "kernel"}, **OWN_KERNEL)
    assert list(wanted_sections(chosen)) == ["tools", "kernel/k"]


def test_what_a_release_loses_by_another_kernel_is_told(root: Path) -> None:
    chosen = selection(root, {**OFFICIAL, "level": "kernel"}, **OWN_KERNEL, packages=["demo-node"])
    unused, lost = chosen.remarks
    assert unused == "`packages`: without effect, as this target makes no system of its own"
    assert "Secure Boot must be off" in lost
    assert selection(root, OFFICIAL, **OWN_KERNEL).remarks == (
        "`flavour` and `kernel`: without effect, as this target makes no system of its own",
    )
    assert selection(root, {"debian": "trixie"}, **OWN_KERNEL).remarks == ()


def test_a_digest_is_checked_before_the_tools_are_there_and_a_signature_by_them(root: Path) -> None:
    assert plan(root, OFFICIAL).find("official").tools is None
    signed = plan(root, SIGNED).find("official")
    assert signed.tools is not None
    assert set(signed.inputs) == {"image", "signature", "keyring"}


@pytest.mark.parametrize(
    ("version", "channel"), [("4700.0.0", "alpha"), ("4628.1.1", "beta"), ("4593.2.5", "stable"), ("4081.3.6", "lts")]
)
def test_a_version_is_fetched_from_its_channel(root: Path, version: str, channel: str) -> None:
    stage = plan(root, {**RELEASE, "release": version}).find("release").stage
    assert isinstance(stage, ReleaseStage)
    assert stage.folder == f"https://{channel}.release.flatcar-linux.net/amd64-usr/{version}"


def test_a_release_is_the_same_wherever_it_is_fetched_from_but_not_for_other_keys(root: Path) -> None:
    before = keys(plan(root, RELEASE))
    assert keys(plan(root, {**RELEASE, "mirror": "file:///mirror"}))["provision"].key == before["provision"].key
    assert keys(plan(root, {**RELEASE, "release": "4593.2.6"}))["release"].key != before["release"].key
    (root / "flatcar.asc").write_text("keys of somebody else")
    assert keys(plan(root, RELEASE))["release"].key != before["release"].key


def test_a_release_is_the_same_wherever_it_lies(root: Path) -> None:
    before = keys(plan(root, OFFICIAL))["official"].key
    (root / "downloads").mkdir()
    (root / "flatcar.bin.bz2").rename(root / "downloads/flatcar.bin.bz2")
    elsewhere = {**OFFICIAL, "official": "downloads/flatcar.bin.bz2"}
    assert keys(plan(root, elsewhere))["official"].key == before
    (root / "downloads/flatcar.bin.bz2").write_text("another release")
    assert keys(plan(root, elsewhere))["official"].key != before


def test_another_base_changes_nothing_where_no_archive_makes_the_system(root: Path) -> None:
    for source in ("none", OFFICIAL):
        assert selection(root, source, base="ubuntu:noble").base == selection(root, source).base


def test_the_kernel_of_an_own_system_gets_the_arguments_whatever_starts_it(root: Path) -> None:
    made = plan(root, {"debian": "trixie"}, kernel="k", kernel_arguments=["quiet"], outputs=["raw", "pxe", "iso"])
    for stage in ("uki", "pxe", "iso"):
        assert made.find(stage).stage.options.command_line[-1] == "quiet"
    assert made.image is not None
    assert made.image.name == "disk"
    assert {"sysext", "ignition"} <= {goal.name for goal in made.goals}


def test_where_an_image_comes_from_is_told(root: Path) -> None:
    assert selection(root, "none").origin == "no image"
    assert selection(root, OFFICIAL).origin == "flatcar.bin.bz2"
    assert selection(root, RELEASE).origin == "Flatcar 4593.2.5"
    assert selection(root, {**RELEASE, "level": "kernel"}, kernel="k").origin == "Flatcar 4593.2.5, flavour server"
    assert selection(root, {"debian": "trixie"}, kernel="k").origin == "debian:trixie, flavour server"
