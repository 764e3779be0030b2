"""What the command line sets for a target and the flavour has a value of its own for, so that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from distrobuild.manifest.loader import LoadedManifest
from distrobuild.manifest.merge import ArgumentLocation
from distrobuild.manifest.yaml_positions import YamlMapping, YamlNode, YamlSequence, find
from distrobuild.plan.selection import Selection


def overridden(selection: Selection, loaded: LoadedManifest) -> Iterator[str]:
    """A remark for each `--set` that is lost on this selection: a flavour's value replaces the target's whole key."""
    flavour = selection.target.flavours.get(selection.flavour)
    if flavour is None:
        return
    for name in sorted(flavour.model_fields_set):
        arguments = _arguments(find(loaded.tree, ("targets", selection.name, name)))
        for argument in dict.fromkeys(str(place) for place in arguments):
            own = f"targets.{selection.name}.flavours.{selection.flavour}.{name}"
            yield f"`{argument}` changes nothing here: the flavour `{selection.flavour}` has its own (`{own}`)"


def _arguments(node: YamlNode | None) -> Iterator[ArgumentLocation]:
    """The arguments that a value, or anything in it, comes from."""
    match node:
        case YamlMapping():
            inner = list(node.entries.values())
        case YamlSequence():
            inner = list(node.items)
        case _:
            inner = []
    if node is not None and isinstance(node.location, ArgumentLocation):
        yield node.location
    for each in inner:
        yield from _arguments(each)
