"""What a target of Flatcar's family is made of: packages, an official image, or nothing of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distrobuild.errors import Problem
from distrobuild.manifest import keys
from distrobuild.manifest.flatcar_sources import FLATCAR_SOURCES, NO_SOURCE
from distrobuild.manifest.project import Project, Text
from distrobuild.manifest.yaml_positions import key_location

LONGEST_SUFFIX = "_verity"
"""Of the partition names that the layout `systemd` makes (`distrobuild.formats.disk_layout`)."""
NAME_CHARACTERS = 36
"""Of a partition's name, at most (UEFI specification 2.10, 5.3.3: 72 bytes of UTF-16)."""


def official_image_is_there_and_vouched_for(project: Project) -> Iterator[Problem]:
    for image in sources(project, "official"):
        for value in (image, *signature_files(project, image)):
            yield from project.absent(value, "file", Path.is_file)
        if not any(project.has(*image.path[:-1], name) for name in ("sha256", "signature")):
            hint = "write its `sha256`, or `signature` and `keyring`"
            yield image.problem(f"`{image.key}`: nothing says that `{image.text}` is what Flatcar released", hint)


def keys_of_a_release_are_there(project: Project) -> Iterator[Problem]:
    for release in sources(project, "release"):
        if keyring := project.text(*release.path[:-1], "keyring"):
            yield from project.absent(keyring, "file", Path.is_file)


def target_with_an_own_kernel_names_it(project: Project) -> Iterator[Problem]:
    releases = (*sources(project, "official"), *sources(project, "release"))
    for value in (*sources(project, "debian"), *(each for each in releases if has_own_kernel(project, each))):
        kernel = (*value.path[:-2], "kernel")
        if not project.has(*kernel):
            location = key_location(project.tree, kernel)
            yield Problem(location, f"`{keys.dotted(kernel)}` is missing", "it names which of `kernels` boots")


def target_without_an_own_system_makes_something(project: Project) -> Iterator[Problem]:
    for value in [each for each in project.texts("targets.*.source") if each.text == NO_SOURCE]:
        target = value.path[:-1]
        if not any(project.has(*target, name) for name in ("sysext", "ignition", "ebuilds")):
            yield value.problem(f"`{keys.dotted(target)}` would make nothing", "write `sysext`, `ignition` or both")
    for image in (*sources(project, "official"), *sources(project, "release")):
        target = image.path[:-2]
        told = any(project.has(*target, name) for name in ("ignition", "kernel_arguments"))
        if not told and not has_own_kernel(project, image):
            message = f"`{keys.dotted(target)}` would leave the image as it is"
            yield image.problem(message, "write `ignition`, `kernel_arguments` or both")


def names_of_partitions_fit(project: Project) -> Iterator[Problem]:
    name, version = project.text("name"), project.text("version")
    for layout in project.texts("targets.*.layout"):
        label = f"{name.text}_{version.text}{LONGEST_SUFFIX}" if name and version else ""
        if version and layout.text == "systemd" and (excess := len(label) - NAME_CHARACTERS) > 0:
            message = f"`version`: the partition `{label}` would have {excess} characters too many for its name"
            yield version.problem(message, f"`{layout.key}: systemd` names partitions for `name` and `version`")


def sources(project: Project, form: str) -> Iterator[Text]:
    """What tells the form of each target's source that is written in this form, and in no other."""
    for value in project.texts(f"targets.*.source.{form}"):
        if not any(project.has(*value.path[:-1], other) for other in FLATCAR_SOURCES if other != form):
            yield value


def has_own_kernel(project: Project, release: Text) -> bool:
    """Whether a release of Flatcar gets a kernel of the manifest."""
    level = project.text(*release.path[:-1], "level")
    return level is not None and level.text == "kernel"


def signature_files(project: Project, image: Text) -> Iterator[Text]:
    for name in ("signature", "keyring"):
        if value := project.text(*image.path[:-1], name):
            yield value


CHECKS = (
    official_image_is_there_and_vouched_for,
    keys_of_a_release_are_there,
    target_with_an_own_kernel_names_it,
    target_without_an_own_system_makes_something,
    names_of_partitions_fit,
)
