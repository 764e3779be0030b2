"""What a package's name, version and requirements are in Portage's words, and what cannot be said in them.

Debian's names mean nothing to Portage, and a wrong guess would only show on somebody's machine. So whatever is needed
must be another package of the project, or say in its table what it is called there: `{gentoo: net-misc/chrony,
otherwise: chrony}`. `conflicts` becomes a blocker; `recommends`, `provides` and `replaces` have no counterpart in an
ebuild and stay out of it.

Formats: Package Manager Specification for EAPI 8, chapters 3 (names and versions) and 8 (dependencies).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from distrobuild.errors import Problem
from distrobuild.manifest import yaml_positions
from distrobuild.manifest.package import DESCRIPTION, OTHERWISE, Dependency, Package, Relation, alternatives, select
from distrobuild.manifest.yaml_positions import KeyPath, value_location

GENTOO = "gentoo"
"""Selector of a dependency's table for ebuilds."""
NEEDS = ("depends", "build_depends", "conflicts")
"""The keys of a package whose requirements come to its ebuild."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+_-]*")
LIKE_A_VERSION = re.compile(r"-[0-9]+(\.[0-9]+)*[a-z]?$")
"""How a name must not end: nobody could tell where the version begins."""
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|p)[0-9]*)*(-r[0-9]+)?")
BEFORE = re.compile(r"[-~.]?(alpha|beta|pre|rc)[.]?([0-9]*)$")
"""Debian's and semantic versioning's ways to say that a version comes before another: `1.0~rc1`, `1.0-rc.1`."""


def version(text: str) -> str:
    """A version as Portage writes it: `1.0-rc1` and `1.0~rc1` are `1.0_rc1`. Raises ValueError if it cannot."""
    result = BEFORE.sub(r"_\1\2", text)
    if not VERSION.fullmatch(result):
        raise ValueError(f"`{text}` cannot be the version of an ebuild: those are numbers with dots, then maybe `-rc1`")
    return result


def word(text: str) -> str:
    """A name as Portage takes it for a repository, or within the name of a package: `mlos-6.12` is `mlos-6_12`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def category(distribution: str) -> str:
    """The overlay's category for packages of the distribution: `mlos-base`."""
    return f"{distribution}-base"


def atoms(package: Package, field: str, own: Collection[str], category: str) -> list[str]:
    """The requirements that the key `field` means for an ebuild, `|| ( a b )` for alternatives.

    `own` are the project's packages, which stand in `category`. Raises ValueError for a requirement that has no atom;
    `problems` finds all of those with their places.
    """
    return [
        atom
        for dependency in getattr(package, field)
        if (atom := _any_of(dependency, own, category, "!" if field == "conflicts" else "")) is not None
    ]


def problems(folder: Path, package: Package, distribution_version: str, own: Collection[str]) -> Iterator[Problem]:
    """Everything that keeps the package described in `folder` from being an ebuild."""
    root = yaml_positions.read(folder / DESCRIPTION).root
    assert root is not None  # the package was loaded from it
    for path, message, hint in _mistakes(package, distribution_version, own):
        yield Problem(value_location(root, path), message, hint)


def _mistakes(
    package: Package, distribution_version: str, own: Collection[str]
) -> Iterator[tuple[KeyPath, str, str | None]]:
    if not NAME.fullmatch(package.name) or LIKE_A_VERSION.search(package.name):
        yield ("name",), f"`{package.name}` cannot be the name of an ebuild: no dots, and no number at the end", None
    try:
        version(package.version or distribution_version)
    except ValueError as error:
        yield ("version",), str(error), None
    for field in NEEDS:
        for number, dependency in enumerate(getattr(package, field)):
            try:
                _any_of(dependency, own, "own", "")
            except ValueError as error:
                hint = f"write `{{gentoo: category/name, otherwise: {_written(dependency)}}}`, or `gentoo:` for nothing"
                yield (field, number), str(error), hint


def _any_of(dependency: Dependency, own: Collection[str], category: str, prefix: str) -> str | None:
    requirement = dependency if isinstance(dependency, str) else select(dependency, GENTOO)
    if requirement is None:
        return None
    found = [prefix + _atom(relation, own, category) for relation in alternatives(requirement)]
    return found[0] if len(found) == 1 else f"|| ( {' '.join(found)} )"


def _atom(relation: Relation, own: Collection[str], category: str) -> str:
    name = f"{category}/{relation.name}" if relation.name in own else relation.name
    if name.count("/") != 1:
        raise ValueError(f"`{relation.name}` has no name in Gentoo")
    if relation.operator is None or relation.version is None:
        return name
    return f"{relation.operator}{name}-{version(relation.version)}"


def _written(dependency: Dependency) -> str:
    if isinstance(dependency, str):
        return dependency
    return dependency.get(OTHERWISE) or next((each for each in dependency.values() if each is not None), "name")
