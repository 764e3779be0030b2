"""Packages: each that is named is described, can be what is asked for, and is named once."""

from __future__ import annotations

from collections.abc import Iterator

from distrobuild.errors import InvalidInput, Problem
from distrobuild.manifest import gentoo, suggestion
from distrobuild.manifest.package import DESCRIPTION, load_package
from distrobuild.manifest.project import Project, Text
from distrobuild.manifest.yaml_positions import YamlScalar

PACKAGES = "packages"
"""Folder of the project with one folder per package."""
PACKAGE_LISTS = (
    "targets.*.packages",
    "targets.*.flavours.*.packages",
    "targets.*.sysext.packages",
    "targets.*.containers.*.packages",
)
NAME_LISTS = (
    *PACKAGE_LISTS,
    *("targets.*.install", "targets.*.flavours.*.install", "targets.*.outputs"),
    *("targets.*.drivers", "targets.*.flavours.*.drivers"),
    "targets.*.kernel_modules.modules",
    *("targets.*.containers.*.install", "targets.*.containers.*.ports", "targets.*.containers.*.volumes"),
)


def packages_are_described(project: Project) -> Iterator[Problem]:
    described = {path.parent.name: path.parent for path in (project.folder / PACKAGES).glob(f"*/{DESCRIPTION}")}
    wanted = list(project.texts(*(f"{names}[]" for names in PACKAGE_LISTS)))
    for value in wanted:
        if value.text not in described:
            hint = suggestion.hint(value.text, described, otherwise="the packages there are")
            message = f"`{value.key}`: there is no package `{value.text}` ({PACKAGES}/{value.text}/{DESCRIPTION})"
            yield value.problem(message, hint)
    for name in sorted({value.text for value in wanted} & described.keys()):
        try:
            load_package(described[name])
        except InvalidInput as error:
            yield from error.problems


def packages_can_be_ebuilds(project: Project) -> Iterator[Problem]:
    wanted = (node for _, node in project.nodes("targets.*.ebuilds"))
    if not any(isinstance(node, YamlScalar) and node.value is True for node in wanted):
        return
    version = project.text("version")
    listed = {value.text for value in project.texts(*(f"{names}[]" for names in PACKAGE_LISTS))}
    folders = {path.parent.name: path.parent for path in (project.folder / PACKAGES).glob(f"*/{DESCRIPTION}")}
    for name, folder in sorted(folders.items()):
        try:
            package = load_package(folder)
        except InvalidInput as error:
            yield from () if name in listed else error.problems  # those that are listed have been told already
        else:
            yield from gentoo.problems(folder, package, version.text if version else "0", folders)


def nothing_is_listed_twice(project: Project) -> Iterator[Problem]:
    values = list(project.texts(*(f"{names}[]" for names in NAME_LISTS), "targets.*.users[].name"))
    seen: dict[tuple[str | int, ...], Text] = {}
    for value in values:
        # One list is one scope: `targets.ubuntu.packages[3]` without the position, and for users that of each.
        scope = (*(step for step in value.path if isinstance(step, str)), value.text)
        if scope in seen:
            first = seen[scope].location
            yield value.problem(f"`{value.key}`: `{value.text}` stands twice; the first one is in line {first.line}")
        seen.setdefault(scope, value)


CHECKS = (
    packages_are_described,
    packages_can_be_ebuilds,
    nothing_is_listed_twice,
)
