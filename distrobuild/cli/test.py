"""`distrobuild test TARGET`: run box tests against the image."""

from __future__ import annotations

from pathlib import Path

import click

from distrobuild.boot.firmware import Firmware
from distrobuild.cli.image import build_image
from distrobuild.cli.session import Session, console, project_options
from distrobuild.engine.boxtests import prove_image
from distrobuild.errors import DistrobuildError


@click.command("test")
@click.argument("target")
@click.option("-k", "select", metavar="EXPRESSION", help="Only tests that match, as pytest's -k.")
@click.option("--firmware", type=click.Choice([*Firmware]), default=Firmware.SEABIOS, show_default=True)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("out/test"),
    show_default=True,
    help="Folder for console log, screenshot, JUnit XML.",
)
@project_options
def command(session: Session, target: str, select: str | None, firmware: str, results: Path) -> None:
    """Boot the image of TARGET (built where needed) and run its box tests; exit 1 if one fails."""
    image = build_image(session, target)
    name = f"boot/{firmware}"
    if name not in {node.name for node in image.plan}:
        raise DistrobuildError(f"target `{target}` has no box tests", hint="name their folder by `tests: {path: ...}`")
    result = prove_image(image.engine, image.plan, name, select, results, click.echo)
    assert result.boot is not None
    seconds = result.boot.seconds_to_running
    console().print(
        f"[green]{result.passed} passed[/], {len(result.skipped)} skipped; running after {seconds:.0f} s "
        f"under {result.boot.accelerator}; results in {results}",
        highlight=False,
    )
