"""`packages/NAME/package.yaml`: what a package is, in words that no packaging system owns.

The same description becomes a `.deb` and an ebuild, so it names files, units, diversions and
dependencies, never maintainer scripts. What differs between distributions stands in a dependency's table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.manifest import yaml_positions
from distrobuild.manifest.validation import validate
from distrobuild.manifest.values import Model, Name
from distrobuild.manifest.yaml_positions import KeyPath, value_location

DESCRIPTION = "package.yaml"
FILES = "files"
SOURCE = "source"
TEMPLATE_SUFFIX = ".j2"
UNIT_FOLDER = "usr/lib/systemd/system"
OTHERWISE = "otherwise"
"""Selector of a dependency's table for every base that no other selector names."""

RELATION = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9+._/-]*)(?: (?P<operator>>=|<=|=|>|<) (?P<version>[^\s|]+))?")


@dataclass(frozen=True)
class Relation:
    """Another package, at any version or at one that compares (`>=`, `<=`, `=`, `>`, `<`) with `version`."""

    name: str
    operator: str | None = None
    version: str | None = None


def alternatives(requirement: str) -> list[Relation]:
    """Read `chrony`, `chrony >= 4.0` or `chrony | openntpd`; raise ValueError for anything else."""
    matches = [RELATION.fullmatch(part) for part in requirement.split(" | ")]
    if None in matches:
        raise ValueError(f"`{requirement}` is not a requirement: write `name`, `name >= version` or `name | other`")
    return [Relation(match["name"], match["operator"], match["version"]) for match in matches if match]


def _written(pattern: str, meaning: str) -> AfterValidator:
    """A text that must match the whole `pattern`; otherwise the error says that it is not `meaning`."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"`{text}` is not {meaning}")
        return text

    return AfterValidator(check)


def _requirement(text: str) -> str:
    alternatives(text)
    return text


Requirement: TypeAlias = Annotated[str, AfterValidator(_requirement)]
Selector: TypeAlias = Annotated[
    str, _written(r"[a-z]+(:[a-z0-9.-]+)?", "a base: write `debian`, `debian:trixie`, `gentoo` or `otherwise`")
]
Dependency: TypeAlias = Requirement | dict[Selector, Requirement | None]
AbsolutePath: TypeAlias = Annotated[str, _written(r"(/[^/]+)+", "an absolute path of a file")]
Line: TypeAlias = Annotated[str, _written(r"\S(.*\S)?", "one line without space at its ends")]
Summary: TypeAlias = Annotated[str, _written(r"\S.{0,78}[^\s.]", "one line of 2 to 80 characters without a full stop")]
Text: TypeAlias = Annotated[str, _written(r"(?s)\s*\S.{19,}", "a text of at least 20 characters")]
Version: TypeAlias = Annotated[str, _written(r"[0-9][0-9A-Za-z.+~]*", "a version: digits, letters, `.`, `+` and `~`")]
Address: TypeAlias = Annotated[str, _written(r"https?://\S+", "an address that begins with `https://`")]
Mailbox: TypeAlias = Annotated[str, _written(r"[^<>]+ <[^<>@\s]+@[^<>@\s]+>", "of the form `Name <mail@host>`")]


class LintianOverride(Model):
    """A complaint of Debian's checker that does not hold for this package."""

    tag: Name
    """The complaint, for example `no-manual-page`."""
    context: Line | None = None
    """What the complaint is about, in lintian's words; `*` stands for anything. Default: every occurrence."""
    reason: Text
    """Why the complaint does not hold; goes into the package beside the override."""


class Package(Model):
    """One package of this project."""

    name: Name
    """Name of the package, and of its folder."""
    version: Version | None = None
    """Version; default: the distribution's version."""
    summary: Summary
    """What it is, in one line of at most 80 characters without a full stop."""
    description: Text
    """What it is, in paragraphs with an empty line between them."""
    license: Literal["Apache-2.0", "GPL-2.0-only", "MIT"] = "Apache-2.0"
    """SPDX identifier of the licence of everything in the package."""
    copyright: Line | None = None
    """Year and holder; default: the year of the manifest's `epoch` and the maintainer."""
    homepage: Address | None = None
    """Address of the web page."""
    maintainer: Mailbox | None = None
    """`Name <mail@host>`; default: the distribution's maintainer."""
    section: Name = "admin"
    """Where a package browser files it, in Debian's words (`admin`, `science`, `metapackages`)."""
    architecture: Literal["all", "any"] = "all"
    """`all`: the same on every processor; `any`: compiled for one."""
    depends: tuple[Dependency, ...] = ()
    """Needed to work. A name, `name >= version`, `name | other`, or a table with one of these per base:
    `{debian: a, "ubuntu:noble": b, gentoo: category/c, otherwise: d}`. The most specific selector wins, an empty
    value or no selector that fits means that nothing is needed there. `gentoo` speaks for ebuilds."""
    recommends: tuple[Dependency, ...] = ()
    """Wanted, but not needed; written as `depends`."""
    provides: tuple[Dependency, ...] = ()
    """Names that this package answers to; written as `depends`."""
    conflicts: tuple[Dependency, ...] = ()
    """Cannot be installed together with; written as `depends`."""
    replaces: tuple[Dependency, ...] = ()
    """Packages whose files it takes over; written as `depends`."""
    diversions: tuple[AbsolutePath, ...] = ()
    """Files of another package that this one has its own version of. The other's is kept as `PATH.base` and
    comes back when this package goes."""
    enable: tuple[Name, ...] = ()
    """Units among its files that are enabled and started on installation."""
    build_depends: tuple[Dependency, ...] = ()
    """Needed to build, beyond a C compiler and make; written as `depends`."""
    build: tuple[Line, ...] = ()
    """Shell lines run in a copy of `source/` to compile."""
    install: tuple[Line, ...] = ()
    """Shell lines run in the copy of `source/` afterwards; they install below `$DESTDIR`."""
    lintian_overrides: tuple[LintianOverride, ...] = ()
    """Complaints of Debian's package checker that do not hold, each with its reason."""


def on_base(dependencies: tuple[Dependency, ...], distribution: str, suite: str) -> list[list[Relation]]:
    """What the dependencies mean on one base: all of the list, each by any one of the relations in it."""
    result = []
    for dependency in dependencies:
        selectors = f"{distribution}:{suite}", distribution
        requirement = dependency if isinstance(dependency, str) else select(dependency, *selectors)
        if requirement is not None:
            result.append(alternatives(requirement))
    return result


def select(table: Mapping[Selector, Requirement | None], *selectors: str) -> Requirement | None:
    """The requirement of the first of the selectors that the table names, else that of `otherwise`, else none."""
    return next((table[selector] for selector in (*selectors, OTHERWISE) if selector in table), None)


def load_package(folder: Path, name: str | None = None) -> Package:
    """Read the description in `folder`, which is to be of package `name` (default: the folder's own name).

    Raises `InvalidInput` with everything that is wrong in it: unknown keys, wrong types, another name than
    the folder's, a unit or diverted file that is not among the package's files.
    """
    path = folder / DESCRIPTION
    try:
        document = yaml_positions.read(path)
    except OSError as error:
        hint = "every package has one beside its files; docs/packages.md shows how to write it"
        raise InvalidInput([Problem(Location(path, 1), f"cannot be read: {error.strerror}", hint)]) from None
    if document.problems or document.root is None:
        raise InvalidInput(list(document.problems) or [Problem(Location(path, 1), "the file is empty")])
    package, problems = validate(Package, document.root)
    if package is not None:
        contradictions = _contradictions(package, folder, name or folder.name)
        problems = [Problem(value_location(document.root, key), message) for key, message in contradictions]
    if package is None or problems:
        raise InvalidInput(problems)
    return package


def installed_paths(folder: Path) -> Iterator[tuple[str, Path]]:
    """Path below `/` and file in the tree, sorted, of everything under `files/` that is not a folder."""
    tree = folder / FILES
    for file in sorted(tree.rglob("*")):
        if file.is_symlink() or not file.is_dir():
            path = file.relative_to(tree).as_posix()
            yield (path if file.is_symlink() else path.removesuffix(TEMPLATE_SUFFIX)), file


def _contradictions(package: Package, folder: Path, name: str) -> Iterator[tuple[KeyPath, str]]:
    """Key and message of each mistake that only shows beside the folder."""
    if package.name != name:
        yield ("name",), f"the package is called `{package.name}`, but its folder `{name}`"
    if (package.build or package.install) and not (folder / SOURCE).is_dir():
        yield ("build" if package.build else "install",), f"there is no folder `{SOURCE}` to build"
    installed = {path for path, _ in installed_paths(folder)}
    for number, unit in enumerate(package.enable):
        if f"{UNIT_FOLDER}/{unit}" not in installed and not package.install:
            yield ("enable", number), f"there is no unit `{FILES}/{UNIT_FOLDER}/{unit}`"
    for number, diverted in enumerate(package.diversions):
        if diverted[1:] not in installed:
            yield ("diversions", number), f"there is no file `{FILES}{diverted}` to take the place of the other"
