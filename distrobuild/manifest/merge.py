"""The one rule by which a later file, or `--set KEY=VALUE`, changes what stands before it.

    Mappings merge key by key. Everything else, lists included, replaces what was there.
    null removes the key, so that its default holds again.

Every value keeps the place it came from, so a problem in a merged manifest points to the file or to the
argument that caused it. Paths are relative to the folder of the first file, whichever file names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import Location, Problem
from distrobuild.manifest import keys, suggestion
from distrobuild.manifest.keys import ANY, ITEM, Key, UnknownKey
from distrobuild.manifest.yaml_positions import YamlMapping, YamlNode, YamlScalar, find, parse


@dataclass(frozen=True, order=True)
class ArgumentLocation(Location):
    """A value that was given on the command line: `--set KEY=VALUE`."""

    def __str__(self) -> str:
        return str(self.path)


def merge(under: YamlMapping, over: YamlMapping) -> YamlMapping:
    """A new tree: `over` laid on `under` by the rule above."""
    entries, places = dict(under.entries), dict(under.keys)
    for name, value in over.entries.items():
        below = entries.get(name)
        if isinstance(value, YamlScalar) and value.value is None:
            entries.pop(name, None)
            places.pop(name, None)
        elif isinstance(value, YamlMapping) and isinstance(below, YamlMapping):
            entries[name] = merge(below, value)
        else:
            # A mapping that is new is laid on nothing, so that its nulls vanish as well.
            entries[name] = merge(YamlMapping(value.location), value) if isinstance(value, YamlMapping) else value
            places[name] = over.keys[name]
    return YamlMapping(under.location, entries, places)


def apply_overrides(tree: YamlMapping, arguments: tuple[str, ...], model: Key) -> tuple[YamlMapping, list[Problem]]:
    """Merge each `KEY=VALUE` into `tree`, in order; VALUE is YAML. Those that cannot be read become problems."""
    problems: list[Problem] = []
    for argument in arguments:
        override = _override(tree, argument, model)
        if isinstance(override, YamlMapping):
            tree = merge(tree, override)
        else:
            problems += override
    return tree, problems


def _override(tree: YamlMapping, argument: str, model: Key) -> YamlMapping | list[Problem]:
    """The tree that holds nothing but the value of one argument, or what is wrong with it."""
    location = ArgumentLocation(Path(f"--set {argument}"), 1)
    dotted, equals, text = argument.partition("=")
    if not equals:
        return [Problem(location, "there is no `=`", "write --set KEY=VALUE")]
    try:
        path, key = keys.resolve(model, dotted.strip())
    except UnknownKey as error:
        return [Problem(location, error.message, error.hint)]
    if ITEM in key.path:
        place = keys.dotted(path[: key.path.index(ITEM)])
        message = f"`{place}` is a list, which is only replaced as a whole"
        return [Problem(location, message, f"write --set '{place}=[...]'")]
    if unknown := _unknown_name(tree, path, key):
        return [Problem(location, *unknown)]
    value = parse(text, location.path, locate=lambda _: location)
    if value.problems:
        return list(value.problems)
    return _nested(path, value.root or YamlScalar(location, None, text), location)


def _unknown_name(tree: YamlMapping, path: tuple[str, ...], key: Key) -> tuple[str, str] | None:
    """A key inside something that has no such name: most likely a slip, never a wish for a nearly empty one."""
    for depth, step in enumerate(key.path[:-1]):
        parent = find(tree, path[:depth])
        names = parent.entries if isinstance(parent, YamlMapping) else {}
        if step == ANY and path[depth] not in names:
            place = keys.dotted(path[:depth])
            hint = suggestion.hint(path[depth], names, otherwise="the names there are")
            return f"there is no `{path[depth]}` in `{place}`", hint
    return None


def _nested(path: tuple[str, ...], value: YamlNode, location: Location) -> YamlMapping:
    for name in reversed(path):
        value = YamlMapping(location, {name: value}, {name: location})
    assert isinstance(value, YamlMapping)
    return value
