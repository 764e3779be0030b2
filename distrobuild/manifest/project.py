"""A manifest's tree beside the folder it describes: what the checks of `semantics` ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import Location, Problem
from distrobuild.manifest import keys, suggestion
from distrobuild.manifest.keys import ANY, ITEM
from distrobuild.manifest.yaml_positions import KeyPath, YamlMapping, YamlNode, YamlScalar, YamlSequence, find


@dataclass(frozen=True)
class Text:
    """A text of the manifest, with its key and its place."""

    text: str
    path: KeyPath
    location: Location

    @property
    def key(self) -> str:
        """The key, as a user would write it."""
        return keys.dotted(self.path)

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """A problem at this value."""
        return Problem(self.location, message, hint)


@dataclass(frozen=True)
class Project:
    """The merged tree and the folder that its paths are relative to.

    Values of a wrong kind are not found: the models report those, and a check need not care.
    """

    tree: YamlMapping
    folder: Path

    def texts(self, *patterns: str) -> Iterator[Text]:
        """Every text at `targets.*.packages[]` and the like: `*` is any name, `[]` any item of a list."""
        for path, node in self.nodes(*patterns):
            if isinstance(node, YamlScalar) and isinstance(node.value, str):
                yield Text(node.value, path, node.location)

    def text(self, *path: str | int) -> Text | None:
        """The text at `path`, if one is there."""
        node = find(self.tree, path)
        if isinstance(node, YamlScalar) and isinstance(node.value, str):
            return Text(node.value, path, node.location)
        return None

    def nodes(self, *patterns: str) -> Iterator[tuple[KeyPath, YamlNode]]:
        """Every value at the patterns, whatever its kind."""
        for pattern in patterns:
            steps = pattern.replace(ITEM, f".{ITEM}").split(".")
            yield from _nodes(self.tree, (), steps)

    def names(self, *path: str | int) -> Mapping[str, Location]:
        """The keys of the mapping at `path` and where they stand; none where there is no mapping."""
        node = find(self.tree, path)
        return node.keys if isinstance(node, YamlMapping) else {}

    def has(self, *path: str | int) -> bool:
        """Whether something is written at `path`."""
        return find(self.tree, path) is not None

    def on_disk(self, value: Text) -> Path:
        """The file or folder that a text names."""
        return self.folder / value.text

    def absent(self, value: Text, kind: str, exists: Callable[[Path], bool]) -> Iterator[Problem]:
        """The problem that a text names no `kind` (`file`, `folder`), if so."""
        path = self.on_disk(value)
        if exists(path):
            return
        beside = path.parent
        siblings = [each.name for each in beside.iterdir() if exists(each)] if beside.is_dir() else []
        guess = suggestion.nearest(path.name, siblings)
        hint = f"did you mean `{(Path(value.text).parent / guess).as_posix()}`?" if guess else None
        if path.exists():
            hint = f"it exists, but is no {kind}"
        yield value.problem(f"`{value.key}`: there is no {kind} `{value.text}`", hint)


def _nodes(node: YamlNode, path: KeyPath, steps: list[str]) -> Iterator[tuple[KeyPath, YamlNode]]:
    if not steps:
        yield path, node
        return
    step, *rest = steps
    if step == ITEM and isinstance(node, YamlSequence):
        for number, item in enumerate(node.items):
            yield from _nodes(item, (*path, number), rest)
    elif isinstance(node, YamlMapping):
        for name, value in node.entries.items():
            if step in {ANY, name}:
                yield from _nodes(value, (*path, name), rest)
