"""The kernel of the quick flavour without our series, with the same configuration otherwise."""

from __future__ import annotations

from pathlib import Path

from benchmarks.counted_guest import build, parts
from distrobuild.plan.graph import Input, Node, Tree
from distrobuild.stages.kernel import KernelStage

OURS = ("CONFIG_MLOS", "CONFIG_SCHED_CLASS_ML", "CONFIG_TENSOR_MEM")
"""What only the series knows."""


def unpatched(folder: Path) -> Path:
    """Output of its stage, from the user's store where it is unchanged. `folder` is for its fragments.

    Raises `SystemExit` if its configuration differs by more than our symbols.
    """
    folder.mkdir()
    node = parts().kernel
    inputs = {name: _without(bound, folder) for name, bound in node.inputs.items() if name != "patches"}
    options = node.stage.options.model_copy(update={"patches": None, "selftests": ()})
    plain = build(Node("kernel/unpatched", KernelStage(options), inputs, node.tools))
    difference = _settings(build(node) / "config") ^ _settings(plain / "config")
    if strange := {line for line in difference if not any(symbol in line for symbol in OURS)}:
        raise SystemExit(f"the kernels differ by more than the series: {', '.join(sorted(strange))}")
    return plain


def _without(bound: Input, folder: Path) -> Input:
    """A fragment without our symbols; any other input as it is."""
    if not isinstance(bound, Tree) or bound.path.suffix != ".config":
        return bound
    lines = bound.path.read_text("utf-8").splitlines(keepends=True)
    fragment = folder / bound.path.name
    fragment.write_text("".join(line for line in lines if not line.startswith(OURS)), "utf-8")
    return Tree(fragment, bound.name)


def _settings(config: Path) -> set[str]:
    return {line for line in config.read_text("utf-8").splitlines() if "CONFIG_" in line}
