"""What the models cannot see: names that must exist elsewhere, files that must be on disk.

A check is one function with `@check`: it asks the `Project` for values and yields a `Problem` for each
that is wrong. Checks run on the tree, so that they still speak when the models have found mistakes.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.manifest import gentoo, keys, suggestion
from distrobuild.manifest.base import suite_problem
from distrobuild.manifest.package import DESCRIPTION, load_package
from distrobuild.manifest.project import Project, Text
from distrobuild.manifest.targets import FLATCAR_SOURCES, NO_SOURCE
from distrobuild.manifest.values import DEFAULT_FLAVOUR, DistributionName
from distrobuild.manifest.yaml_positions import YamlScalar, key_location

Check: TypeAlias = Callable[[Project], Iterable[Problem]]

CHECKS: list[Check] = []
"""Every check, in the order in which they run."""

PACKAGES = "packages"
"""Folder of the project with one folder per package."""
SERIES = "series"
"""File of a patches folder that lists the patches in order, as quilt writes it."""

SIGNATURE_FILES = ("kernels.*.source.signature", "kernels.*.source.keyring")
FRAGMENTS = ("kernels.*.config[]", "kernels.*.flavours.*.config[]")
TEST_FOLDERS = ("targets.*.tests.path", "targets.*.flavours.*.tests.path")
IGNITION = "targets.*.ignition"
EXTENSIONS = ("targets.*.sysext", "targets.*.kernel_modules")
CERTIFICATES = tuple(f"{extension}.signing.certificate" for extension in EXTENSIONS)
SECRET_KEYS = (
    "signing.key",
    "targets.*.update.key",
    *(f"{extension}.signing.key" for extension in EXTENSIONS),
)
PROJECT_PATHS = (
    "kernels.*.patches",
    "targets.*.overlay",
    IGNITION,
    *CERTIFICATES,
    *SIGNATURE_FILES,
    *FRAGMENTS,
    *TEST_FOLDERS,
)
CONTAINERS = "targets.*.containers.*"
PACKAGE_LISTS = (
    "targets.*.packages",
    "targets.*.flavours.*.packages",
    "targets.*.sysext.packages",
    f"{CONTAINERS}.packages",
)
NAME_LISTS = (
    *PACKAGE_LISTS,
    *("targets.*.install", "targets.*.flavours.*.install", "targets.*.outputs"),
    "targets.*.kernel_modules.modules",
    *(f"{CONTAINERS}.install", f"{CONTAINERS}.ports", f"{CONTAINERS}.volumes"),
)


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def problems(project: Project) -> list[Problem]:
    """Everything the checks find."""
    return [problem for function in CHECKS for problem in function(project)]


@check
def kernel_of_a_target_is_declared(project: Project) -> Iterator[Problem]:
    kernels = project.names("kernels")
    for value in project.texts("targets.*.kernel"):
        if value.text not in kernels:
            hint = suggestion.hint(value.text, kernels, otherwise="the kernels there are")
            yield value.problem(f"`{value.key}`: there is no kernel `{value.text}`", hint)


@check
def flavours_of_a_target_are_flavours_of_its_kernel(project: Project) -> Iterator[Problem]:
    for kernel in project.texts("targets.*.kernel"):
        if kernel.text not in project.names("kernels"):
            continue
        path = ("kernels", kernel.text, "flavours")
        known = set(project.names(*path)) if project.has(*path) else {DEFAULT_FLAVOUR}
        for value in _flavours(project, kernel):
            if value.text not in known:
                hint = suggestion.hint(value.text, known, otherwise="the flavours there are")
                message = f"`{value.key}`: kernel `{kernel.text}` has no flavour `{value.text}`"
                yield value.problem(message, hint)


def _flavours(project: Project, kernel: Text) -> Iterator[Text]:
    """The flavours that the target of `kernel` names: its own (or the default), and those of its contents."""
    target = kernel.path[:-1]
    if flavour := project.text(*target, "flavour"):
        yield flavour
    elif not project.has(*target, "flavour"):
        yield Text(DEFAULT_FLAVOUR, (*target, "flavour"), kernel.location)
    for name, location in project.names(*target, "flavours").items():
        yield Text(name, (*target, "flavours"), location)


@check
def paths_stay_inside_the_project(project: Project) -> Iterator[Problem]:
    for value in project.texts(*PROJECT_PATHS):
        if _leads_out(value):
            yield value.problem(
                f"`{value.key}`: `{value.text}` leads out of the folder of the manifest",
                "what a build depends on stands inside it",
            )


def _leads_out(value: Text) -> bool:
    return ".." in PurePosixPath(value.text).parts


@check
def folders_and_files_exist(project: Project) -> Iterator[Problem]:
    for value in project.texts("kernels.*.patches", "targets.*.overlay", *TEST_FOLDERS):
        if not _leads_out(value):
            yield from project.absent(value, "folder", Path.is_dir)
    for value in project.texts(IGNITION, *CERTIFICATES, *SIGNATURE_FILES, *FRAGMENTS):
        if not _leads_out(value):
            yield from project.absent(value, "file", Path.is_file)


@check
def signature_comes_with_a_keyring(project: Project) -> Iterator[Problem]:
    beside = [value for image in _sources(project, "official") for value in _signature_files(project, image)]
    for value in (*project.texts(*SIGNATURE_FILES), *beside):
        named = value.path[-1]
        other = "keyring" if named == "signature" else "signature"
        if not project.has(*value.path[:-1], other):
            yield value.problem(
                f"`{value.key}`: there is no `{other}` beside it", "a signature is checked against keys"
            )


def _sources(project: Project, form: str) -> Iterator[Text]:
    """What tells the form of each target's source that is written in this form, and in no other."""
    for value in project.texts(f"targets.*.source.{form}"):
        if not any(project.has(*value.path[:-1], other) for other in FLATCAR_SOURCES if other != form):
            yield value


def _signature_files(project: Project, image: Text) -> Iterator[Text]:
    for name in ("signature", "keyring"):
        if value := project.text(*image.path[:-1], name):
            yield value


@check
def official_image_is_there_and_vouched_for(project: Project) -> Iterator[Problem]:
    for image in _sources(project, "official"):
        for value in (image, *_signature_files(project, image)):
            yield from project.absent(value, "file", Path.is_file)
        if not any(project.has(*image.path[:-1], name) for name in ("sha256", "signature")):
            hint = "write its `sha256`, or `signature` and `keyring`"
            yield image.problem(f"`{image.key}`: nothing says that `{image.text}` is what Flatcar released", hint)


@check
def target_of_packages_has_a_kernel(project: Project) -> Iterator[Problem]:
    for value in _sources(project, "debian"):
        kernel = (*value.path[:-2], "kernel")
        if not project.has(*kernel):
            location = key_location(project.tree, kernel)
            yield Problem(location, f"`{keys.dotted(kernel)}` is missing", "it names which of `kernels` boots")


@check
def target_without_an_own_system_makes_something(project: Project) -> Iterator[Problem]:
    sources = [value for value in project.texts("targets.*.source") if value.text == NO_SOURCE]
    for value in sources:
        target = value.path[:-1]
        if not any(project.has(*target, name) for name in ("sysext", "ignition", "ebuilds")):
            yield value.problem(f"`{keys.dotted(target)}` would make nothing", "write `sysext`, `ignition` or both")
    for image in _sources(project, "official"):
        target = image.path[:-2]
        if not any(project.has(*target, name) for name in ("ignition", "kernel_arguments")):
            message = f"`{keys.dotted(target)}` would leave the image as it is"
            yield image.problem(message, "write `ignition`, `kernel_arguments` or both")


@check
def signing_key_exists(project: Project) -> Iterator[Problem]:
    for value in project.texts(*SECRET_KEYS):
        yield from project.absent(value, "file", Path.is_file)


@check
def patches_have_a_series(project: Project) -> Iterator[Problem]:
    for value in project.texts("kernels.*.patches"):
        series = project.on_disk(value) / SERIES
        if series.is_file():
            yield from _missing_patches(series)
        elif series.parent.is_dir():
            message = f"`{value.key}`: there is no file `{SERIES}` in `{value.text}`"
            yield value.problem(message, "it lists the patches, one in a line, in the order in which they are applied")


def _missing_patches(series: Path) -> Iterator[Problem]:
    there = [path.name for path in series.parent.iterdir() if path.name != SERIES]
    for number, line in enumerate(series.read_text("utf-8", "replace").splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words and not (series.parent / words[0]).is_file():
            hint = suggestion.hint(words[0], there, otherwise="the files there are")
            yield Problem(Location(series, number), f"there is no patch `{words[0]}`", hint)


@check
def test_folders_hold_tests(project: Project) -> Iterator[Problem]:
    for value in project.texts(*TEST_FOLDERS):
        folder = project.on_disk(value)
        if folder.is_dir() and not any(folder.rglob("test_*.py")):
            message = f"`{value.key}`: there is no `test_*.py` in `{value.text}`"
            yield value.problem(message, "a target without a test would count as proven")


@check
def kernel_folder_is_a_kernel(project: Project) -> Iterator[Problem]:
    for value in project.texts("kernels.*.source.folder"):
        yield from project.absent(value, "folder", Path.is_dir)
        folder = project.on_disk(value)
        if folder.is_dir() and not (folder / "Kconfig").is_file():
            yield value.problem(f"`{value.key}`: `{value.text}` is no kernel tree", "there is no file `Kconfig` in it")


@check
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


@check
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


@check
def containers_run_a_program(project: Project) -> Iterator[Problem]:
    for path, container in project.nodes(CONTAINERS):
        words = [(*path, key, 0) for key in ("entrypoint", "command") if project.has(*path, key, 0)]
        if not words:
            message = f"`{keys.dotted(path)}` runs no program"
            yield Problem(container.location, message, "name one as `entrypoint`, by its absolute path")
        elif (program := project.text(*words[0])) and not program.text.startswith("/"):
            message = f"`{program.key}`: `{program.text}` is not an absolute path"
            yield program.problem(message, "the first word is a program, such as `/bin/sh`")


@check
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


@check
def suite_belongs_to_its_distribution(project: Project) -> Iterator[Problem]:
    for suite in project.texts("targets.*.base.suite"):
        distribution = project.text(*suite.path[:-1], "distribution")
        if distribution is not None and distribution.text in list(DistributionName):
            problem = suite_problem(DistributionName(distribution.text), suite.text)
            if problem is not None:
                yield suite.problem(f"`{suite.key}`: {problem[0]}", problem[1])
    for suite in project.texts("targets.*.source.debian"):
        if problem := suite_problem(DistributionName.DEBIAN, suite.text):
            yield suite.problem(f"`{suite.key}`: {problem[0]}")


@check
def timezone_is_known(project: Project) -> Iterator[Problem]:
    for value in project.texts("targets.*.timezone"):
        if not _is_timezone(value.text):
            guess = suggestion.nearest(value.text, zoneinfo.available_timezones())
            hint = f"did you mean `{guess}`?" if guess else "such as `UTC` or `Europe/Berlin`"
            yield value.problem(f"`{value.key}`: there is no time zone `{value.text}`", hint)


def _is_timezone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder such as `Europe`
        return False
    return True
