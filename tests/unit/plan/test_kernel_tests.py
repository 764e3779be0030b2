"""Which tests of a kernel `distrobuild kernel test` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.manifest.lock import Lock, Repository, Section
from distrobuild.manifest.models import Manifest
from distrobuild.plan.bare_kernel import NoKernelTest, plan_kernel_tests
from distrobuild.plan.locking import kernel_sections
from distrobuild.plan.selection import select

QUICK = {"program": "quick.c"}
LONG = {"program": "long.c", "release": True}


def planned(
    tests: dict[str, dict[str, object]], root: Path, names: tuple[str, ...] = (), *, release: bool = False
) -> list[str]:
    """The goals of the plan for a kernel with these tests."""
    manifest = Manifest.model_validate(
        {
            "name": "demo",
            "version": "1.0",
            "kernels": {"k": {"source": {"apt": "linux-source-6.12"}, "tests": tests}},
            "targets": {"box": {"base": {"distribution": "debian", "suite": "trixie"}, "kernel": "k"}},
        }
    )
    chosen = select(manifest, root, "box", None, None)
    place = Repository(mirror="file:///archive", suites=("trixie",), components=("main",), keyring="/key.gpg")
    sections = {
        name: Section(request=wanted.request, repositories=(place,), packages=())
        for name, wanted in kernel_sections(chosen).items()
    }
    plan = plan_kernel_tests(chosen, Lock(sections=sections), names, release=release)
    return [goal.name.removeprefix("kernel_test/") for goal in plan.goals]


def test_what_is_for_releases_is_left_out(tmp_path: Path) -> None:
    assert planned({"quick": QUICK, "long": LONG}, tmp_path) == ["quick"]


def test_a_release_runs_all(tmp_path: Path) -> None:
    assert planned({"quick": QUICK, "long": LONG}, tmp_path, release=True) == ["quick", "long"]


def test_a_test_that_is_named_runs_in_any_case(tmp_path: Path) -> None:
    assert planned({"quick": QUICK, "long": LONG}, tmp_path, ("long",)) == ["long"]


def test_nothing_to_run_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(NoKernelTest, match="every test of kernel k is for a release") as error:
        planned({"long": LONG}, tmp_path)
    assert error.value.hint == "`--release`"


def test_a_kernel_without_tests_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(NoKernelTest, match="kernel k has no tests"):
        planned({}, tmp_path)
