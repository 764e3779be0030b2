"""`distrobuild test TARGET`: run box tests against the image."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import click

from distrobuild.boot.firmware import Firmware
from distrobuild.cli.session import Session, console, project_options
from distrobuild.cli.view import TerminalView
from distrobuild.engine.boxtests import prove_image
from distrobuild.engine.events import Stream
from distrobuild.errors import DistrobuildError
from distrobuild.plan.graph import Node, Plan


class NothingToProve(DistrobuildError):
    """A target whose system is not made here."""


@click.command("test")
@click.argument("target")
@click.option("-k", "select", metavar="EXPRESSION", help="Only tests that match, as pytest's -k.")
@click.option(
    "--firmware",
    type=click.Choice([each.value for each in Firmware]),
    help="Default: the first that a build boots with.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("out/test"),
    show_default=True,
    help="Folder for console log, screenshot, JUnit XML.",
)
@project_options
def command(session: Session, target: str, select: str | None, firmware: str | None, results: Path) -> None:
    """Boot the image of TARGET (built where needed) and run its box tests; exit 1 if one fails."""
    selection = session.select(target)
    if selection.kernel is None:
        raise NothingToProve(
            f"target `{target}` has no system of its own that box tests could prove",
            hint=f"`distrobuild boot {target}` starts its image, if it has one",
        )
    with contextlib.ExitStack() as stack:
        emit = Stream(stack.enter_context(TerminalView(console())))
        plan = session.plan(selection, emit)
        boot = chosen(plan, firmware)
        engine = session.engine(selection, emit)
        engine.build(replace(plan, goals=tuple(boot.needs)))
    result = prove_image(engine, plan, boot.name, select, results, click.echo)
    assert result.boot is not None
    seconds = result.boot.seconds_to_running
    console().print(
        f"[green]{result.passed} passed[/], {len(result.skipped)} skipped; running after {seconds:.0f} s "
        f"under {result.boot.accelerator}; results in {results}",
        highlight=False,
    )


def chosen(plan: Plan, firmware: str | None) -> Node:
    """The boot by this firmware; the first one if none is named."""
    boots = {node.name: node for node in plan if node.stage.kind == "boot"}
    if not boots:
        hint = "name their folders by `tests: {path: ...}`"
        raise DistrobuildError(f"target `{plan.target}` has no box tests", hint=hint)
    name = f"boot/{firmware}" if firmware else next(iter(boots))
    if name not in boots:
        known = ", ".join(boot.removeprefix("boot/") for boot in boots)
        raise DistrobuildError(f"target `{plan.target}` is not booted by {firmware}", hint=f"it is booted by: {known}")
    return boots[name]
