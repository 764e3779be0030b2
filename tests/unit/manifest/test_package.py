"""`package.yaml`: what it may say, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput, Problem
from distrobuild.manifest.package import Relation, alternatives, installed_paths, load_package, on_base

PACKAGES = Path(__file__).parents[3] / "packages"
GOOD = """\
name: sample
summary: a package for a test
description: It is here to be read by a test.
"""


def problems(folder: Path, text: str) -> list[Problem]:
    folder.mkdir(exist_ok=True)
    (folder / "package.yaml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_package(folder)
    return caught.value.problems


def places(found: list[Problem]) -> list[tuple[int, int]]:
    return sorted((problem.location.line, problem.location.column) for problem in found)


@pytest.mark.parametrize("folder", sorted(PACKAGES.iterdir()), ids=lambda folder: folder.name)
def test_every_package_of_this_project_is_well_described(folder: Path) -> None:
    assert load_package(folder).name == folder.name


def test_every_mistake_of_a_description_is_told_in_one_pass_at_its_place(tmp_path: Path) -> None:
    found = problems(tmp_path / "sample", GOOD + "licence: MIT\narchitecture: amd64\ndepends: [chrony, a >> 4]\n")
    assert places(found) == [(4, 1), (5, 15), (6, 19)]
    unknown = next(problem for problem in found if problem.location.line == 4)
    assert unknown.message == "unknown key `licence`"
    assert unknown.hint == "did you mean `license`?"


def test_a_package_must_be_called_like_its_folder(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "other", GOOD)
    assert "`sample`, but its folder `other`" in problem.message
    assert (problem.location.line, problem.location.column) == (1, 7)


def test_a_copy_in_a_folder_of_another_name_is_read_by_the_name_that_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "0123abcd"
    folder.mkdir()
    (folder / "package.yaml").write_text(GOOD)
    assert load_package(folder, "sample").name == "sample"


def test_a_folder_without_description_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing/package\.yaml:1:1: cannot be read: No such file"):
        load_package(tmp_path / "nothing")


def test_an_empty_description_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "sample", "# nothing yet\n")
    assert problem.message == "the file is empty"


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ("enable: [sample.service]\n", "files/usr/lib/systemd/system/sample.service"),
        ("diversions: [/usr/lib/os-release]\n", "files/usr/lib/os-release"),
        ("build: [make]\n", "no folder `source`"),
    ],
)
def test_what_the_description_names_must_be_beside_it(tmp_path: Path, lines: str, missing: str) -> None:
    (problem,) = problems(tmp_path / "sample", GOOD + lines)
    assert missing in problem.message
    assert problem.location.line == 4


def test_a_template_counts_as_the_file_that_it_becomes(tmp_path: Path) -> None:
    unit = tmp_path / "sample/files/usr/lib/systemd/system/sample.service.j2"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\n")
    (tmp_path / "sample/package.yaml").write_text(GOOD + "enable: [sample.service]\n")
    assert load_package(tmp_path / "sample").enable == ("sample.service",)
    assert [path for path, _ in installed_paths(tmp_path / "sample")] == ["usr/lib/systemd/system/sample.service"]


def test_an_override_of_the_checker_needs_a_reason(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "sample", GOOD + "lintian_overrides:\n  - tag: no-manual-page\n")
    assert "lintian_overrides[0].reason" in problem.message


def test_the_most_specific_selector_of_a_dependency_wins() -> None:
    table = ({"debian": "torch", "debian:bookworm": None, "otherwise": "wheel >= 2"}, "numpy")
    assert on_base(table, "debian", "trixie") == [[Relation("torch")], [Relation("numpy")]]
    assert on_base(table, "debian", "bookworm") == [[Relation("numpy")]]
    assert on_base(table, "ubuntu", "noble") == [[Relation("wheel", ">=", "2")], [Relation("numpy")]]


def test_a_dependency_that_no_selector_fits_is_not_needed() -> None:
    assert on_base(({"debian": "torch"},), "ubuntu", "noble") == []


def test_a_requirement_may_be_met_by_any_of_several_packages() -> None:
    assert alternatives("chrony >= 4.0 | openntpd") == [Relation("chrony", ">=", "4.0"), Relation("openntpd")]


@pytest.mark.parametrize("text", ["", "chrony>=4", "chrony >= ", "a || b", "a |b", "-a", "a << 3", "a, b"])
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a requirement"):
        alternatives(text)
