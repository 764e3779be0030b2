"""The image of a target, built where the store lacks it: what `boot` starts."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from distrobuild.cli.session import Session, console
from distrobuild.cli.view import TerminalView
from distrobuild.engine.events import Stream
from distrobuild.errors import DistrobuildError
from distrobuild.manifest.flatcar_sources import NO_SOURCE
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.stages.boot import BootStage


class NothingToBoot(DistrobuildError):
    """A target that makes no image."""


@dataclass(frozen=True)
class Image:
    """A finished image, and the tools root that boots it.

    `ignition` is the target's own config, `disks_mib` the sizes of the empty disks that its box tests have beside it.
    """

    path: Path
    tools_root: Path
    ignition: Path | None
    disks_mib: tuple[int, ...]


def build_image(session: Session, target: str, *, dev: bool = False) -> Image:
    """Build up to the image, without booting it. Raises `NothingToBoot`."""
    selection = session.select(target, dev=dev)
    if isinstance(selection.target, FlatcarTarget) and selection.target.source == NO_SOURCE:
        raise NothingToBoot(
            f"target `{target}` makes no image: its source is `{NO_SOURCE}`",
            hint=f"what it makes for other machines: `distrobuild build {target}`",
        )
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(console())))
        plan = session.plan(selection, emit)
        assert plan.image is not None
        engine = session.engine(selection, emit)
        wanted = [node for node in plan if node is plan.image or node.name in {"tools", "ignition"}]
        entries = engine.build(replace(plan, goals=tuple(wanted)))
    (path,) = entries[plan.image.name].output.iterdir()
    ignition = entries["ignition"].output / "config.ign" if "ignition" in entries else None
    boots = [node.stage.options for node in plan if isinstance(node.stage, BootStage)]
    return Image(path, entries["tools"].output, ignition, boots[0].disks_mib if boots else ())
