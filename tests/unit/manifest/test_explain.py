"""The text of `explain`."""

from __future__ import annotations

import pytest

from distrobuild.manifest import keys
from distrobuild.manifest.explain import WIDTH, explain
from distrobuild.manifest.keys import UnknownKey
from distrobuild.manifest.models import Manifest


def test_a_key_is_explained_with_its_type_form_and_default() -> None:
    assert explain("kernels.mlos-6.12.flavours.vm.base_config").splitlines() == [
        "kernels.*.flavours.*.base_config",
        "  The make target that the configuration starts from.",
        "",
        "  type:     a configuration target",
        "  form:     a make target such as `x86_64_defconfig` or `allnoconfig`",
        "  default:  x86_64_defconfig",
    ]


def test_a_mapping_is_explained_with_its_keys() -> None:
    assert explain("signing").splitlines() == [
        "signing",
        "  The key that signs the package repository; without it, a build makes a",
        "  throw-away key.",
        "",
        "  type:     a mapping",
        "",
        "  keys:",
        "    key  a text (needed). File with an ASCII-armoured OpenPGP secret key.",
    ]


def test_every_form_of_a_kernel_source_is_explained() -> None:
    text = explain("kernels.*.source")
    assert "in one of 4 forms" in text
    for form in ("{apt: ...}", "{kernel.org: ..., sha256: ...}", "{git: ..., commit: ...}", "{folder: ...}"):
        assert f"  one form: {form}\n" in text


def test_a_value_or_a_list_of_such_values_is_one_form() -> None:
    text = explain("targets.*.tests.path")
    assert "  type:     a path or a list of paths\n" in text
    assert "form: " not in text.partition("default:")[2]


def test_without_a_key_the_top_level_is_listed() -> None:
    lines = explain().splitlines()
    assert lines[0] == "distro.yaml"
    listed = {line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "}
    assert listed == set(keys.root_of(Manifest).children)


@pytest.mark.parametrize("key", [str(key) for key in keys.walk(keys.root_of(Manifest))])
def test_every_key_can_be_explained_on_a_terminal_of_80_columns(key: str) -> None:
    text = explain(key)
    assert "type:" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(UnknownKey, match="there is no key `bse`"):
        explain("targets.ubuntu.bse")
