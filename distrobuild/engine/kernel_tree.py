"""A kernel's tree to work in: a git repository with a commit for each patch, configured, in the sandbox of a build."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from distrobuild.engine import events
from distrobuild.engine.engine import Engine
from distrobuild.engine.entry import Scratch
from distrobuild.plan.graph import Node, Plan
from distrobuild.plan.key import Keyed, keys
from distrobuild.stages.kernel_git import commit_series
from distrobuild.stages.kernel_make import TREE, Make
from distrobuild.stages.kernel_prepare import TreeOptions, prepare
from distrobuild.stages.stage import Job


@dataclass(frozen=True)
class KernelTree:
    """What the tree is made of; `node` is the stage that would configure it."""

    engine: Engine
    plan: Plan
    node: Node
    keyed: Mapping[str, Keyed]

    @classmethod
    def provide(cls, engine: Engine, plan: Plan) -> KernelTree:
        """The tree of a plan that configures one flavour; its source and the tools are fetched where needed."""
        (node,) = plan.goals
        engine.build(Plan(plan.target, tuple(node.needs), plan.epoch, plan.architecture))
        return cls(engine, plan, node, keys(plan))

    def keep_in(self, folder: Path) -> Scratch:
        """A place for the tree that stays."""
        scratch = Scratch(folder.absolute())
        for path in (scratch.work, scratch.output):
            path.mkdir(parents=True, exist_ok=True)
        return scratch

    def is_in(self, scratch: Scratch) -> bool:
        """Whether a finished tree is there already."""
        return (scratch.work / TREE / ".config").is_file()

    def make(self, scratch: Scratch) -> None:
        """Unpack, commit, configure. Raises what `prepare` raises."""
        prepare(self._job(scratch), self._options, ccache=True, apply=commit_series)

    def enter(self, scratch: Scratch, program: Sequence[str]) -> int:
        """Run a program in the tree, or a shell; its exit status."""
        job = self._job(scratch)
        make = Make(job, self._options.distribution, {}, ccache=True)
        # Set and empty: the release gets no `+` for being in a git tree.
        shell = {"LOCALVERSION": "", "TERM": "xterm", "PS1": f"{self._options.flavour}:\\w# "}
        command = tuple(program) or ("bash", "-i")
        line = make.sandbox.command_line(command, cwd=f"/work/{TREE}", environment={**make.environment, **shell})
        return subprocess.run(line, check=False).returncode

    @property
    def _options(self) -> TreeOptions:
        return cast(TreeOptions, self.node.stage.options)

    def _job(self, scratch: Scratch) -> Job:
        def ignore(_event: events.Event) -> None:
            """Who works in a shell sees what went wrong by its error."""

        return self.engine.job(self.node, self.keyed, self.plan, scratch, ignore)
