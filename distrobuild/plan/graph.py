"""A plan: the stages of one target as a graph, inputs bound to sources or to other stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from distrobuild.errors import DistrobuildError
from distrobuild.stages.stage import Stage


@dataclass(frozen=True)
class Tree:
    """A file or folder that the user wrote. `name` is how messages call it (its path in the project).

    A `secret` counts in the key by its digest, but no copy of it is ever made in the store. Nor is one of what is
    `large`: the stage that reads it must see to it that it is what the key says.
    """

    path: Path
    name: str
    secret: bool = False
    large: bool = False


@dataclass(frozen=True, eq=False)
class Node:
    """One stage with its inputs bound. `name` is unique in a plan, for example `deb/mlos-node`.

    `tools` is the node whose output is the tools root; only the stages that make it have none.
    """

    name: str
    stage: Stage[Any]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    tools: Node | None = None

    def __post_init__(self) -> None:
        declared = self.stage.inputs
        wildcards = tuple(name.removesuffix("*") for name in declared if name.endswith("/*"))
        for name in self.inputs:
            if name not in declared and not name.startswith(wildcards):
                raise TypeError(f"stage {self.name}: `{self.stage.kind}` declares no input {name!r}")

    @property
    def needs(self) -> list[Node]:
        """The nodes whose output this one reads."""
        nodes = [value for value in self.inputs.values() if isinstance(value, Node)]
        return nodes if self.tools is None else [self.tools, *nodes]


Input: TypeAlias = Node | Tree


@dataclass(frozen=True)
class Plan:
    """Everything that leads to `goals`. `epoch` is the fixed clock (seconds), `architecture` Debian's word for it.

    `image` is the node whose output is the image, if the target has one.
    """

    target: str
    goals: tuple[Node, ...]
    epoch: int
    architecture: str
    image: Node | None = None

    def __iter__(self) -> Iterator[Node]:
        """Every node once, inputs before the stages that read them."""
        return iter(in_order(self.goals))

    def without(self, kind: str) -> Plan:
        """The plan that stops before the goals of a kind."""
        goals: list[Node] = []
        for goal in self.goals:
            ends = [goal] if goal.stage.kind != kind else [node for node in goal.needs if node is not goal.tools]
            goals += [node for node in ends if node not in goals]
        return replace(self, goals=tuple(goals))

    def find(self, name: str) -> Node:
        """The node called `name`; a name that only one node begins with will do."""
        nodes = list(self)
        matches = [node for node in nodes if node.name == name] or [n for n in nodes if n.name.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        names = ", ".join(node.name for node in matches or nodes)
        what = "more than one stage" if matches else "no stage"
        raise DistrobuildError(f"{what} of `{self.target}` is called `{name}`", hint=f"choose one of: {names}")


def in_order(goals: Iterable[Node]) -> list[Node]:
    """`goals` and all they need, each once, needs first."""
    seen: dict[int, Node] = {}

    def visit(node: Node) -> None:
        if id(node) not in seen:
            for needed in node.needs:
                visit(needed)
            seen[id(node)] = node

    for goal in goals:
        visit(goal)
    return list(seen.values())
