"""`distrobuild schema`: write the generated documents of the manifest; for those who change its models."""

from __future__ import annotations

from pathlib import Path

import click

from distrobuild.manifest.reference import write_documents


@click.command("schema", hidden=True)
@click.argument("folder", default="docs", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write the JSON Schema and the reference of the manifest into FOLDER (default: docs)."""
    for path in write_documents(folder):
        click.echo(path)
