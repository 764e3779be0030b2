"""What a key is called, what can stand there, and what was meant by one that does not exist."""

from __future__ import annotations

import pytest

from distrobuild.manifest import keys
from distrobuild.manifest.keys import UnknownKey
from distrobuild.manifest.models import Manifest

ROOT = keys.root_of(Manifest)

RESOLVED = {
    "name": (("name",), "name"),
    "targets.ubuntu.base": (("targets", "ubuntu", "base"), "targets.*.base"),
    "targets.*.base": (("targets", "*", "base"), "targets.*.base"),
    "kernels.mlos-6.12": (("kernels", "mlos-6.12"), "kernels.*"),
    "kernels.mlos-6.12.patches": (("kernels", "mlos-6.12", "patches"), "kernels.*.patches"),
    "kernels.6.12.source.kernel.org": (("kernels", "6.12", "source", "kernel.org"), "kernels.*.source.kernel.org"),
    'kernels."a.b".patches': (("kernels", "a.b", "patches"), "kernels.*.patches"),
    "targets.ubuntu.users.name": (("targets", "ubuntu", "users", "name"), "targets.*.users[].name"),
    "targets.ubuntu.users[].name": (("targets", "ubuntu", "users", "name"), "targets.*.users[].name"),
    "targets.ubuntu.packages[]": (("targets", "ubuntu", "packages"), "targets.*.packages"),
}


@pytest.mark.parametrize("text", RESOLVED)
def test_a_dotted_key_leads_to_its_key(text: str) -> None:
    names, key = keys.resolve(ROOT, text)
    assert (names, str(key)) == RESOLVED[text]


UNKNOWN = {
    "nmae": ("there is no key `nmae`", "did you mean `name`?"),
    "targets.ubuntu.bsae": ("there is no key `bsae` in `targets.*`", "did you mean `base`?"),
    "kernels.mlos-6.12.sorce": ("there is no key `sorce` in `kernels.*`", "did you mean `source`?"),
    "kernels.k.source.kernel.og": ("there is no key `kernel` in `kernels.*.source`", "did you mean `kernel.org`?"),
    "targets.ubuntu.users.nmae": ("there is no key `nmae` in `targets.*.users[]`", "did you mean `name`?"),
    "name.first": ("there is no key `first` in `name`", None),
    "signing.xyzzy": ("there is no key `xyzzy` in `signing`", "the keys there are: `key`"),
    "targets..base": ("there is no key `` in `targets`", None),
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_of_an_unknown_key_the_wrong_word_is_named(text: str) -> None:
    with pytest.raises(UnknownKey) as caught:
        keys.resolve(ROOT, text)
    assert (caught.value.message, caught.value.hint) == UNKNOWN[text]


TYPES = {
    "name": "a name",
    "title": "a text",
    "epoch": "a whole number of at least 0",
    "kernels": "a mapping by name",
    "kernels.k.source": "a mapping",
    "kernels.k.source.sha256": "a SHA-256 digest",
    "kernels.k.config": "a list of paths",
    "targets.t.users": "a list of mappings",
    "targets.t.users.ssh_keys": "a list of public keys",
    "targets.t.documentation": "`true` or `false`",
    "targets.t.base.distribution": "`debian` or `ubuntu`",
    "targets.t.outputs": "a list of `iso`, `raw`, `qcow2`, `vmdk`, `vhd`, `gce` or `pxe`",
    "targets.t.tests.timeout_seconds": "a number above 0",
}


@pytest.mark.parametrize("text", TYPES)
def test_a_type_is_told_in_words(text: str) -> None:
    assert keys.resolve(ROOT, text)[1].type == TYPES[text]


def test_every_key_is_documented_in_a_sentence() -> None:
    undocumented = [
        str(key) for key in keys.walk(ROOT) if key.path[-1] != keys.ITEM and not key.documentation.endswith(".")
    ]
    assert undocumented == []


def test_every_pattern_has_a_meaning_in_words() -> None:
    nameless = [str(key) for key in keys.walk(ROOT) if "pattern" in key.value and key.shape is None]
    assert nameless == []


def test_what_a_walk_finds_can_be_resolved() -> None:
    for key in keys.walk(ROOT):
        assert str(keys.resolve(ROOT, str(key))[1]) == str(key).removesuffix(keys.ITEM)
