"""Folders of box tests: each holds tests, and those of one target can run together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from distrobuild.errors import Problem
from distrobuild.manifest import suggestion
from distrobuild.manifest.keys import ITEM
from distrobuild.manifest.project import Project, Text
from distrobuild.manifest.yaml_positions import YamlSequence

PATHS = ("targets.*.tests.path", "targets.*.flavours.*.tests.path")
TEST_FOLDERS = tuple(f"{path}{form}" for path in PATHS for form in ("", ITEM))
"""Where folders are named: one, or a list of them."""
IN_EVERY_FOLDER = {"conftest.py", "__init__.py"}
"""Files that are about the folder which they stand in."""


def folders_hold_tests(project: Project) -> Iterator[Problem]:
    for value in project.texts(*TEST_FOLDERS):
        folder = project.on_disk(value)
        if folder.is_dir() and not any(folder.rglob("test_*.py")):
            message = f"`{value.key}`: there is no `test_*.py` in `{value.text}`"
            yield value.problem(message, "a target without a test would count as proven")


def folders_go_together(project: Project) -> Iterator[Problem]:
    """No test runs twice, and a name is that of one module whoever imports it."""
    for path, node in project.nodes(*PATHS):
        if isinstance(node, YamlSequence):
            items = [project.text(*path, number) for number in range(len(node.items))]
            for earlier, later in itertools.combinations([item for item in items if item is not None], 2):
                yield from _together(project, earlier, later)


def _together(project: Project, earlier: Text, later: Text) -> Iterator[Problem]:
    first, second = PurePosixPath(earlier.text), PurePosixPath(later.text)
    if first == second:
        yield later.problem(
            f"`{later.key}`: `{later.text}` stands twice; the first one is in line {earlier.location.line}"
        )
    elif first.is_relative_to(second) or second.is_relative_to(first):
        inner, outer = (second, first) if second.is_relative_to(first) else (first, second)
        yield later.problem(
            f"`{later.key}`: `{inner}` lies in `{outer}`, whose tests are those of all folders in it",
            "name folders that lie beside each other",
        )
    elif names := sorted(_modules(project.on_disk(earlier)) & _modules(project.on_disk(later))):
        stands = "stands" if len(names) == 1 else "stand"
        yield later.problem(
            f"`{later.key}`: {suggestion.quoted(names, last=' and ')} {stands} in `{earlier.text}` as well",
            "give one of them another name; only `conftest.py` is about its own folder",
        )


def _modules(folder: Path) -> set[str]:
    """Python files by their paths in the folder."""
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    return {name for name in files if PurePosixPath(name).name not in IN_EVERY_FOLDER}


CHECKS = (folders_hold_tests, folders_go_together)
