"""`distrobuild kernel`: work on a kernel's patches and configuration, and prove what they do."""

from __future__ import annotations

import click

from distrobuild.cli.kernel import build, config, refresh, shell, test, verify


@click.group(name="kernel")
def command() -> None:
    """Work on a kernel's patches and configuration, and prove what they do."""


for module in (config, build, test, refresh, verify, shell):
    command.add_command(module.command)
