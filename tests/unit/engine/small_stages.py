"""Small stages that need no tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distrobuild.plan.graph import Node, Plan
from distrobuild.stages.stage import Job, Options, Stage

EPOCH = 1767225600


class WriteOptions(Options):
    text: str


class WriteStage(Stage[WriteOptions]):
    """Writes its text, and the texts of its inputs, to `text`."""

    kind = "write"
    inputs = {"from/*": "another text", "tree": "a source file or folder"}
    outputs = {"text": "the text"}

    def run(self, job: Job) -> None:
        job.log(f"writing {self.options.text}")
        parts = [(path / "text").read_text() for name, path in sorted(job.inputs.items()) if name != "tree"]
        if "tree" in job.inputs:
            parts += [file.read_text() for file in sorted(job.inputs["tree"].rglob("*")) if file.is_file()]
        (job.output / "text").write_text("".join([*parts, self.options.text]))


class CallStage(WriteStage):
    """Calls a function first, which may fail."""

    def __init__(self, text: str, action: Callable[[Job], None]) -> None:
        super().__init__(WriteOptions(text=text))
        self.action = action

    def run(self, job: Job) -> None:
        self.action(job)
        super().run(job)


def write(name: str, text: str, **inputs: Any) -> Node:
    """A node that writes `text`; `inputs` are `tree=` or nodes."""
    bound = {("tree" if key == "tree" else f"from/{key}"): value for key, value in inputs.items()}
    return Node(name, WriteStage(WriteOptions(text=text)), bound)


def plan(*goals: Node) -> Plan:
    return Plan("test", goals, EPOCH, "amd64")
