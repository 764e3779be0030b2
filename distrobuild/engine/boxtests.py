"""Box tests outside of a build: chosen ones, against the image that the store has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from distrobuild.boot.boxtests import run_box_tests
from distrobuild.boot.result import Result
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Event, StageLine
from distrobuild.plan.graph import Plan
from distrobuild.plan.key import keys
from distrobuild.stages.boot import BootStage


def prove_image(
    engine: Engine, plan: Plan, boot: str, select: str | None, results: Path, say: Callable[[str], object]
) -> Result:
    """Boot as the stage `boot` of the plan does, and run the tests that `select` (pytest's `-k`) matches.

    The image must be in the store. `say` gets every line; `results` gets console log, screenshot and JUnit XML.
    """
    node = plan.find(boot)
    stage = node.stage
    assert isinstance(stage, BootStage)

    def forward(event: Event) -> None:
        if isinstance(event, StageLine):
            say(event.text)

    with engine.store.use(), engine.store.scratch() as scratch:
        job = engine.job(node, keys(plan), plan, scratch, forward)
        run = replace(stage.box_tests(job), select=select, results=results)
        return run_box_tests(run, job.log)
