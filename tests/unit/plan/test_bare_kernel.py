"""A kernel by itself: which one is meant, what it needs of the lock, and what its node reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.lock import Lock, Section
from distrobuild.manifest.models import Manifest
from distrobuild.manifest.values import DistributionName
from distrobuild.plan.bare_kernel import NoKernel, kernel_named, plan_kernel_tests, select_kernel
from distrobuild.plan.locking import kernel_sections
from distrobuild.plan.parts import Parts
from distrobuild.plan.selection import Selection

BOOTED = {
    "source": {"apt": "linux-source-6.12"},
    "patches": "patches/6.12",
    "flavours": {"server": {}, "vm": {}, "debug": {}},
    "tests": {"selftests": {"flavour": "debug", "selftest": "sched_ml"}, "gate": {"flavour": "vm", "program": "g.c"}},
}
NEXT = {"source": {"apt": "linux-source-7.2", "suite": "sid"}, "flavours": {"debug": {}, "vm": {}}}
UBUNTU = {"base": {"distribution": "ubuntu", "suite": "noble"}, "kernel": "booted"}


def manifest(**keys: Any) -> Manifest:
    whole = {"name": "demo", "version": "1", "kernels": {"booted": BOOTED, "next": NEXT}, "targets": {"ubuntu": UBUNTU}}
    return Manifest.model_validate({**whole, **keys})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "patches/6.12").mkdir(parents=True)
    (tmp_path / "patches/6.12/series").write_text("../common/1.patch\n2.patch\n")
    return tmp_path


def selected(root: Path, kernel: str, flavour: str | None = None) -> Selection:
    return select_kernel(manifest(), root, kernel, None, flavour)


def locked(selection: Selection) -> Lock:
    sections = kernel_sections(selection).items()
    return Lock(sections={name: Section(request=each.request, repositories=(), packages=()) for name, each in sections})


def test_without_a_name_the_kernel_is_meant_that_targets_boot() -> None:
    assert kernel_named(manifest(), None) == "booted"
    assert kernel_named(manifest(kernels={"next": NEXT}, targets={"u": {**UBUNTU, "kernel": "next"}}), None) == "next"


def test_where_that_is_not_clear_the_kernels_are_named() -> None:
    both = manifest(targets={"one": UBUNTU, "two": {**UBUNTU, "kernel": "next"}})
    with pytest.raises(NoKernel, match="which kernel") as error:
        kernel_named(both, None)
    assert error.value.hint == "there is booted, next"
    with pytest.raises(NoKernel, match="no kernel `nxt`") as error:
        kernel_named(both, "nxt")
    assert error.value.hint == "did you mean `next`?"


def test_a_kernel_that_no_target_boots_takes_the_place_of_one_that_a_target_does(root: Path) -> None:
    selection = selected(root, "next")
    assert (selection.target.kernel, selection.flavour) == ("next", "debug")
    assert selected(root, "next", "vm").flavour == "vm"


def test_a_kernel_by_itself_needs_no_archive_but_that_of_the_tools_and_of_its_source(root: Path) -> None:
    sections = kernel_sections(selected(root, "next"))
    assert {name: each.request.suite for name, each in sections.items()} == {"tools": "trixie", "kernel/next": "sid"}


def test_a_rolling_release_has_no_updates_beside_it() -> None:
    debian = DISTRIBUTIONS[DistributionName.DEBIAN]
    assert debian.suites_of("sid") == {"Debian": ("sid",)}
    assert debian.suites_of("trixie")["Debian-Security"] == ("trixie-security",)


def test_shared_patches_are_an_input_of_their_own(root: Path) -> None:
    selection = selected(root, "booted")
    kernel = Parts(selection, locked(selection)).kernel
    assert {
        name: getattr(each, "name", None)
        for name, each in kernel.inputs.items()
        if name.startswith(("patches", "shared"))
    } == {
        "patches": "patches/6.12",
        "shared/common": "patches/common",
    }


def test_only_the_flavour_that_boots_a_selftest_compiles_it(root: Path) -> None:
    selection = selected(root, "booted")
    plan = plan_kernel_tests(selection, locked(selection))
    assert plan.find("kernel/debug").stage.options.selftests == ("sched_ml",)
    assert plan.find("kernel/vm").stage.options.selftests == ()
