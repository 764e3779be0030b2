"""The key of a stage: a digest over everything that can change its result, and the record that was hashed.

The record is plain JSON and is kept beside the output, so that `why` is a diff of two records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from distrobuild.formats.tree_digest import source_files, tree_digest, value_digest
from distrobuild.plan.code import code_digests
from distrobuild.plan.graph import Node, Plan, Tree

Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Keyed:
    """A node's key (`sha256:` digest) and the record behind it."""

    node: Node
    key: str
    record: Record


def keys(plan: Plan) -> dict[str, Keyed]:
    """Every node of the plan by name, with its key."""
    done: dict[str, Keyed] = {}
    trees: dict[Tree, Record] = {}
    for node in plan:
        record = _record(node, plan, done, trees)
        done[node.name] = Keyed(node, value_digest(record), record)
    return done


def _record(node: Node, plan: Plan, done: Mapping[str, Keyed], trees: dict[Tree, Record]) -> Record:
    inputs: Record = {}
    for name, value in sorted(node.inputs.items()):
        if isinstance(value, Tree):
            if value not in trees:
                files = source_files(value.path)
                trees[value] = {"tree": tree_digest(files), "files": files}
            inputs[name] = trees[value]
        else:
            inputs[name] = {"stage": value.name, "key": done[value.name].key}
    return {
        "stage": node.stage.kind,
        "code": code_digests(type(node.stage)),
        "options": node.stage.options.model_dump(mode="json"),
        "inputs": inputs,
        "tools": None if node.tools is None else done[node.tools.name].key,
        "architecture": plan.architecture,
        "epoch": plan.epoch,
    }
