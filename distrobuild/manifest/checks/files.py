"""Files that the manifest names: they exist, stand inside the project, and hold what they should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from distrobuild.errors import Location, Problem
from distrobuild.manifest import suggestion
from distrobuild.manifest.checks.box_tests import TEST_FOLDERS
from distrobuild.manifest.checks.sources import signature_files, sources
from distrobuild.manifest.project import Project, Text

SERIES = "series"
"""File of a patches folder that lists the patches in order, as quilt writes it."""
SIGNATURE_FILES = ("kernels.*.source.signature", "kernels.*.source.keyring")
FRAGMENTS = ("kernels.*.config[]", "kernels.*.flavours.*.config[]")
IGNITION = "targets.*.ignition"
PROGRAM = "kernels.*.tests.*.program"
EXTENSIONS = ("targets.*.sysext", "targets.*.kernel_modules")
CERTIFICATES = tuple(f"{extension}.signing.certificate" for extension in EXTENSIONS)
SECRET_KEYS = (
    "signing.key",
    "kernels.*.module_key",
    "targets.*.update.key",
    *(f"{extension}.signing.key" for extension in EXTENSIONS),
)
PROJECT_PATHS = (
    "kernels.*.patches",
    "targets.*.overlay",
    IGNITION,
    PROGRAM,
    *CERTIFICATES,
    *SIGNATURE_FILES,
    *FRAGMENTS,
    *TEST_FOLDERS,
)


def paths_stay_inside_the_project(project: Project) -> Iterator[Problem]:
    for value in project.texts(*PROJECT_PATHS):
        if _leads_out(value):
            yield value.problem(
                f"`{value.key}`: `{value.text}` leads out of the folder of the manifest",
                "what a build depends on stands inside it",
            )


def _leads_out(value: Text) -> bool:
    return ".." in PurePosixPath(value.text).parts


def folders_and_files_exist(project: Project) -> Iterator[Problem]:
    for value in project.texts("kernels.*.patches", "targets.*.overlay", *TEST_FOLDERS):
        if not _leads_out(value):
            yield from project.absent(value, "folder", Path.is_dir)
    for value in project.texts(IGNITION, PROGRAM, *CERTIFICATES, *SIGNATURE_FILES, *FRAGMENTS):
        if not _leads_out(value):
            yield from project.absent(value, "file", Path.is_file)


def signature_comes_with_a_keyring(project: Project) -> Iterator[Problem]:
    beside = [value for image in sources(project, "official") for value in signature_files(project, image)]
    for value in (*project.texts(*SIGNATURE_FILES), *beside):
        named = value.path[-1]
        other = "keyring" if named == "signature" else "signature"
        if not project.has(*value.path[:-1], other):
            yield value.problem(
                f"`{value.key}`: there is no `{other}` beside it", "a signature is checked against keys"
            )


def signing_key_exists(project: Project) -> Iterator[Problem]:
    for value in project.texts(*SECRET_KEYS):
        yield from project.absent(value, "file", Path.is_file)


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


def kernel_folder_is_a_kernel(project: Project) -> Iterator[Problem]:
    for value in project.texts("kernels.*.source.folder"):
        yield from project.absent(value, "folder", Path.is_dir)
        folder = project.on_disk(value)
        if folder.is_dir() and not (folder / "Kconfig").is_file():
            yield value.problem(f"`{value.key}`: `{value.text}` is no kernel tree", "there is no file `Kconfig` in it")


CHECKS = (
    paths_stay_inside_the_project,
    folders_and_files_exist,
    signature_comes_with_a_keyring,
    signing_key_exists,
    patches_have_a_series,
    kernel_folder_is_a_kernel,
)
