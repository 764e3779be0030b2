"""`distrobuild test TARGET`: run box tests against the image."""

from __future__ import annotations

from pathlib import Path

import click

from distrobuild.boot.firmware import Firmware
from distrobuild.cli.image import build_image
from distrobuild.cli.session import Session, console, project_options
from distrobuild.engine.boxtests import prove_image
from distrobuild.errors import DistrobuildError


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
    image = build_image(session, target)
    boots = [node.name for node in image.plan if node.stage.kind == "boot"]
    if not boots:
        raise DistrobuildError(f"target `{target}` has no box tests", hint="name their folder by `tests: {path: ...}`")
    name = f"boot/{firmware}" if firmware else boots[0]
    if name not in boots:
        known = ", ".join(boot.removeprefix("boot/") for boot in boots)
        raise DistrobuildError(f"target `{target}` is not booted by {firmware}", hint=f"it is booted by: {known}")
    result = prove_image(image.engine, image.plan, name, select, results, click.echo)
    assert result.boot is not None
    seconds = result.boot.seconds_to_running
    console().print(
        f"[green]{result.passed} passed[/], {len(result.skipped)} skipped; running after {seconds:.0f} s "
        f"under {result.boot.accelerator}; results in {results}",
        highlight=False,
    )
