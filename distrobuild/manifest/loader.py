"""From the files that a user wrote to a `Manifest`, or to everything that is wrong with them in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import DistrobuildError, InvalidInput, Location, Problem
from distrobuild.manifest import keys, semantics, yaml_positions
from distrobuild.manifest.merge import ArgumentLocation, apply_overrides, merge
from distrobuild.manifest.models import Manifest
from distrobuild.manifest.project import Project
from distrobuild.manifest.validation import validate
from distrobuild.manifest.yaml_positions import YamlMapping, YamlNode, kind_of


class UnreadableManifest(DistrobuildError):
    """There is no manifest, or it cannot be read."""

    exit_code = 2


@dataclass(frozen=True)
class LoadedManifest:
    """A manifest that is right, with the place of everything in it.

    `root` is the folder of the first file: every relative path of the manifest starts there.
    """

    manifest: Manifest
    root: Path
    paths: tuple[Path, ...]
    tree: YamlMapping

    def location(self, *path: str | int) -> Location:
        """Where the value of `("targets", "ubuntu", "base")` stands; of a default, the nearest key above it."""
        return yaml_positions.value_location(self.tree, path)


def load(paths: Sequence[Path], overrides: Sequence[str] = ()) -> LoadedManifest:
    """Read the manifest at the first path, lay the others and then the `KEY=VALUE` overrides on it.

    Raises `InvalidInput` with every problem of all files, in the order of the files and their lines, and
    `UnreadableManifest` when a file is not there.
    """
    documents = [_read(path) for path in paths]
    problems = [problem for document in documents for problem in document.problems]
    trees = []
    for path, document in zip(paths, documents, strict=True):
        if isinstance(document.root, YamlMapping):
            trees.append(document.root)
        elif document.root is not None:
            problems.append(_no_mapping(document.root))
        elif not document.problems and path == paths[0]:
            problems.append(Problem(Location(path, 1), "the file is empty", "`distrobuild init` writes a manifest"))
    if len(trees) < len(documents) and problems:
        raise InvalidInput(_ordered(problems, paths))
    tree, *others = trees
    for other in others:
        tree = merge(tree, other)
    tree, unread = apply_overrides(tree, tuple(overrides), keys.root_of(Manifest))
    return _checked(tree, paths, problems + unread)


def _read(path: Path) -> yaml_positions.Document:
    try:
        return yaml_positions.read(path)
    except FileNotFoundError:
        hint = (
            f"`distrobuild init {path.parent}` writes one" if path.name == "distro.yaml" else "`-f FILE` names another"
        )
        raise UnreadableManifest(f"there is no manifest `{path}`", hint=hint) from None
    except OSError as error:
        raise UnreadableManifest(f"the manifest `{path}` cannot be read: {error.strerror}") from error


def _no_mapping(root: YamlNode) -> Problem:
    return Problem(root.location, f"a manifest is a mapping of keys, not {kind_of(root)}", "it begins with `name: ...`")


def _checked(tree: YamlMapping, paths: Sequence[Path], problems: list[Problem]) -> LoadedManifest:
    root = paths[0].parent
    manifest, mistakes = validate(Manifest, tree)
    problems += mistakes
    reported = {problem.location for problem in problems}
    # A value that is wrong in itself is not also compared with the rest.
    problems += [each for each in semantics.problems(Project(tree, root)) if each.location not in reported]
    if problems or manifest is None:
        raise InvalidInput(_ordered(problems, paths))
    return LoadedManifest(manifest, root, tuple(paths), tree)


def _ordered(problems: Iterable[Problem], paths: Sequence[Path]) -> list[Problem]:
    """By file as given, then line; command-line arguments and files that the manifest names come last."""

    def place(problem: Problem) -> tuple[int, str, int, int]:
        location = problem.location
        rank = len(paths) + isinstance(location, ArgumentLocation)
        rank = paths.index(location.path) if location.path in paths else rank
        return rank, str(location.path), location.line, location.column

    return sorted(problems, key=place)
