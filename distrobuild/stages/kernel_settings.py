"""Configure a kernel without compiling it: does every flavour of every line get what its fragments ask for?

That takes half a minute instead of many, so it is asked of all flavours whenever a fragment or a kernel changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.stages.kernel_make import TREE
from distrobuild.stages.kernel_prepare import INPUTS, TreeOptions, prepare
from distrobuild.stages.stage import Job, Stage

REQUESTED = "requested.json"


class KernelSettingsStage(Stage[TreeOptions]):
    """Source, patches and fragments -> the finished configuration, and who asked for what."""

    kind: ClassVar[str] = "kernel_settings"
    inputs: ClassVar[Mapping[str, str]] = INPUTS
    outputs: Mapping[str, str] = {
        "config": "the finished configuration",
        REQUESTED: "symbol, value, file and line of everything that the fragments asked for and got",
    }

    def run(self, job: Job) -> None:
        """Configure. Raises what `prepare` raises."""
        prepared = prepare(job, self.options, ccache=False)
        (job.output / "config").write_bytes((job.work / TREE / ".config").read_bytes())
        rows = [
            {"symbol": each.symbol, "value": each.value, "file": str(each.location.path), "line": each.location.line}
            for each in prepared.requested
        ]
        (job.output / REQUESTED).write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
