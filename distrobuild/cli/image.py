"""The image of a target, built where the store lacks it: what `boot` and `test` start from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from distrobuild.cli.session import Session, console
from distrobuild.cli.view import TerminalView
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Stream
from distrobuild.plan.graph import Plan


@dataclass(frozen=True)
class Image:
    """A finished image, the tools root that boots it, and the plan and engine that it came from."""

    path: Path
    tools_root: Path
    plan: Plan
    engine: Engine


def build_image(session: Session, target: str, *, dev: bool = False) -> Image:
    """Build up to the image, without booting it."""
    selection = session.select(target, dev=dev)
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(console())))
        plan = session.plan(selection, emit)
        engine = session.engine(selection, emit)
        entries = engine.build(Plan(plan.target, (plan.image, plan.find("tools")), plan.epoch, plan.architecture))
    (path,) = entries[plan.image.name].output.iterdir()
    return Image(path, entries["tools"].output, plan, engine)
