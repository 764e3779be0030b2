"""The rule by which a second file and `--set` change a manifest, and whom problems point to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput, Location
from distrobuild.manifest.loader import LoadedManifest, load
from distrobuild.manifest.merge import merge
from distrobuild.manifest.models import FolderSource
from distrobuild.manifest.yaml_positions import YamlMapping, parse

MANIFEST, OVER = Path("distro.yaml"), Path("over.yaml")

RULE = {
    "mappings merge key by key": ("a: {x: 1, y: 2}", "a: {y: 3, z: 4}", {"a": {"x": 1, "y": 3, "z": 4}}),
    "lists replace": ("a: [1, 2]", "a: [3]", {"a": [3]}),
    "a scalar replaces": ("a: 1", "a: 2", {"a": 2}),
    "a mapping replaces a scalar": ("a: 1", "a: {x: 1}", {"a": {"x": 1}}),
    "a scalar replaces a mapping": ("a: {x: 1}", "a: 1", {"a": 1}),
    "null removes": ("a: 1\nb: 2", "a: null", {"b": 2}),
    "null removes a whole mapping": ("a: {x: 1}\nb: 2", "a: ~", {"b": 2}),
    "null of what is not there does nothing": ("a: 1", "b: null", {"a": 1}),
    "null in a new mapping vanishes": ("a: 1", "b: {x: null, y: {z: null}}", {"a": 1, "b": {"y": {}}}),
    "null in a list stays": ("a: 1", "a: [null]", {"a": [None]}),
    "what only the first has stays": ("a: 1", "b: 2", {"a": 1, "b": 2}),
}


def tree(text: str, path: Path = MANIFEST) -> YamlMapping:
    root = parse(text, path).root
    assert isinstance(root, YamlMapping)
    return root


def messages(overrides: list[str], paths: tuple[Path, ...] = (MANIFEST,)) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(paths, overrides)
    return str(caught.value).splitlines()


def overridden(*overrides: str) -> LoadedManifest:
    return load([MANIFEST], overrides)


@pytest.mark.parametrize(("under", "over", "result"), RULE.values(), ids=RULE.keys())
def test_the_merge_rule(under: str, over: str, result: object) -> None:
    assert merge(tree(under), tree(over)).plain() == result


def test_merging_leaves_both_trees_as_they_were() -> None:
    under, over = tree("a: {x: 1}"), tree("a: {x: null, y: 2}")
    merge(under, over)
    assert (under.plain(), over.plain()) == ({"a": {"x": 1}}, {"a": {"x": None, "y": 2}})


def test_a_problem_points_to_the_file_that_the_value_came_from(project: Path) -> None:
    OVER.write_text("targets:\n  box: {packages: [helo]}\nkernels:\n  acme-6.12: {pathces: x}\n")
    assert messages([], (MANIFEST, OVER)) == [
        "over.yaml:2:20: `targets.box.packages[0]`: there is no package `helo` (packages/helo/package.yaml)",
        "  hint: did you mean `hello`?",
        "over.yaml:4:15: unknown key `pathces` in `kernels.acme-6.12`",
        "  hint: did you mean `patches`?",
    ]


def test_paths_of_a_second_file_start_at_the_folder_of_the_first(project: Path) -> None:
    elsewhere = project / "elsewhere" / "over.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("kernels: {acme-6.12: {source: {apt: null, folder: linux}}}\n")
    assert load([MANIFEST, elsewhere]).manifest.kernels["acme-6.12"].source == FolderSource(folder="linux")


def test_a_second_file_may_be_all_comments(project: Path) -> None:
    OVER.write_text("# nothing yet\n")
    assert load([MANIFEST, OVER]).manifest == load([MANIFEST]).manifest


def test_set_changes_one_key_of_a_name_with_a_dot_in_it(project: Path) -> None:
    manifest = overridden("kernels.acme-6.12.config=[]", "targets.box.flavour=vm").manifest
    assert manifest.kernels["acme-6.12"].config == ()
    assert manifest.kernels["acme-6.12"].patches == "patches"
    assert manifest.targets["box"].flavour == "vm"


def test_set_comes_after_all_files_and_in_order(project: Path) -> None:
    OVER.write_text("title: Second\n")
    assert load([MANIFEST, OVER], ["title=Third", "title=Fourth"]).manifest.title == "Fourth"


def test_set_to_nothing_or_null_brings_the_default_back(project: Path) -> None:
    assert overridden("targets.box.tests=").manifest.targets["box"].tests is None
    assert overridden("kernels.acme-6.12.patches=null").manifest.kernels["acme-6.12"].patches is None


def test_a_value_from_set_is_located_at_its_argument(project: Path) -> None:
    location = overridden("title=Acme Linux").location("title")
    assert str(location) == "--set title=Acme Linux"
    assert isinstance(location, Location)


BAD_ARGUMENTS = {
    "version=1.10": ("`version` must be a version, but YAML reads `1.10` as a number", 'write it in quotes: "1.10"'),
    "targets.box.flavour=vmm": (
        "`targets.box.flavour`: kernel `acme-6.12` has no flavour `vmm`",
        "did you mean `vm`?",
    ),
    "targets.box.flavor=vm": ("there is no key `flavor` in `targets.*`", "did you mean `flavour`?"),
    "targets.bax.flavour=vm": ("there is no `bax` in `targets`", "did you mean `box`?"),
    "targets.box.users.name=ada": (
        "`targets.box.users` is a list, which is only replaced as a whole",
        "write --set 'targets.box.users=[...]'",
    ),
    "title": ("there is no `=`", "write --set KEY=VALUE"),
    "title=[a": ("not valid YAML: expected ',' or ']', but got '<stream end>'", None),
}


@pytest.mark.parametrize("argument", BAD_ARGUMENTS)
def test_a_mistake_in_set_is_located_at_its_argument(project: Path, argument: str) -> None:
    message, hint = BAD_ARGUMENTS[argument]
    assert messages([argument]) == [f"--set {argument}: {message}"] + ([f"  hint: {hint}"] if hint else [])


def test_every_bad_argument_is_reported_with_the_mistakes_of_the_file(
    rewrite: Callable[[dict[int, str]], None],
) -> None:
    rewrite({1: "name: Acme"})
    lines = [line for line in messages(["title", "nmae=x"]) if not line.startswith("  ")]
    assert lines == [
        "distro.yaml:1:7: `name`: `Acme` is not a name",
        "--set nmae=x: there is no key `nmae`",
        "--set title: there is no `=`",
    ]
