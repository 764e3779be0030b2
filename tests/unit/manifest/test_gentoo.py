"""What a package is called, and what it needs, in Portage's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.manifest import gentoo
from distrobuild.manifest.package import load_package

GOOD = """\
name: sample
summary: a package for a test
description: It is here to be read by a test.
"""
OWN = ("sample", "other")


def atoms(folder: Path, requirement: str, field: str = "depends") -> list[str]:
    (folder / "sample").mkdir(exist_ok=True)
    (folder / "sample/package.yaml").write_text(f"{GOOD}{field}: [{requirement}]\n")
    return gentoo.atoms(load_package(folder / "sample"), field, OWN, "acme-base")


def problems(folder: Path, text: str, version: str = "1.0") -> list[str]:
    place = folder / "sample"
    place.mkdir(exist_ok=True)
    (place / "package.yaml").write_text(text)
    found = gentoo.problems(place, load_package(place), version, OWN)
    return [str(problem).removeprefix(f"{place}/") for problem in found]


@pytest.mark.parametrize(
    ("requirement", "atom"),
    [
        ("other", "acme-base/other"),
        ("other >= 1.0~rc1", ">=acme-base/other-1.0_rc1"),
        ("{gentoo: net-misc/chrony, otherwise: chrony}", "net-misc/chrony"),
        ("{gentoo: net-misc/chrony < 5, otherwise: chrony}", "<net-misc/chrony-5"),
        ("{gentoo: net-misc/chrony | net-misc/ntp, debian: chrony}", "|| ( net-misc/chrony net-misc/ntp )"),
        ("{debian: a, otherwise: other}", "acme-base/other"),
    ],
)
def test_a_requirement_is_an_atom(tmp_path: Path, requirement: str, atom: str) -> None:
    assert atoms(tmp_path, requirement) == [atom]


@pytest.mark.parametrize("requirement", ["{debian: a}", "{gentoo: , otherwise: a}"])
def test_what_a_table_does_not_ask_of_gentoo_is_not_needed_there(tmp_path: Path, requirement: str) -> None:
    assert atoms(tmp_path, requirement) == []


def test_what_a_package_conflicts_with_is_blocked(tmp_path: Path) -> None:
    assert atoms(tmp_path, "other", "conflicts") == ["!acme-base/other"]
    assert atoms(tmp_path, "other < 2", "conflicts") == ["!<acme-base/other-2"]


def test_every_mistake_is_told_in_one_pass_at_its_place(tmp_path: Path) -> None:
    lines = "version: 1.0+git\ndepends: [other, chrony, {debian: a, otherwise: b}]\nbuild_depends:\n  - bison\n"
    assert problems(tmp_path, GOOD + lines) == [
        "package.yaml:4:10: `1.0+git` cannot be the version of an ebuild: "
        "those are numbers with dots, then maybe `-rc1`",
        "package.yaml:5:18: `chrony` has no name in Gentoo\n"
        "  hint: write `{gentoo: category/name, otherwise: chrony}`, or `gentoo:` for nothing",
        "package.yaml:5:26: `b` has no name in Gentoo\n"
        "  hint: write `{gentoo: category/name, otherwise: b}`, or `gentoo:` for nothing",
        "package.yaml:7:5: `bison` has no name in Gentoo\n"
        "  hint: write `{gentoo: category/name, otherwise: bison}`, or `gentoo:` for nothing",
    ]


def test_a_version_of_the_distribution_that_no_ebuild_can_have_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD, "1.0+5")
    assert "`1.0+5` cannot be the version of an ebuild" in problem


def test_recommended_packages_need_no_name(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD + "recommends: [htop]\nprovides: [thing]\nreplaces: [old]\n") == []


@pytest.mark.parametrize("name", ["tool-2", "tool.d", "tool-1.5a"])
def test_a_name_that_no_ebuild_can_have_is_told(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    (place / "package.yaml").write_text(GOOD.replace("sample", name))
    (problem,) = gentoo.problems(place, load_package(place), "1.0", OWN)
    assert (problem.location.line, problem.location.column) == (1, 7)
    assert f"`{name}` cannot be the name of an ebuild" in problem.message


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.0.0", "1.0.0"),
        ("1.0-rc1", "1.0_rc1"),
        ("1.0-rc.1", "1.0_rc1"),
        ("1.0~beta2", "1.0_beta2"),
        ("2.1alpha", "2.1_alpha"),
        ("20260101", "20260101"),
        ("1.0_p3", "1.0_p3"),
    ],
)
def test_a_version_is_written_as_portage_does(text: str, version: str) -> None:
    assert gentoo.version(text) == version


@pytest.mark.parametrize("text", ["1.0+git1", "1.0-2", "1.0~dev", "1.0~rc1+x", "v1"])
def test_a_version_that_portage_cannot_order_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be the version of an ebuild"):
        gentoo.version(text)


def test_a_repositorys_name_has_no_dots() -> None:
    assert gentoo.word("acme-6.12+x") == "acme-6_12_x"
