"""`distrobuild doctor`: what this machine has and lacks, and the command that fixes it."""

from __future__ import annotations

import sys

import click

from distrobuild.cli.session import console, store_folder
from distrobuild.engine.host import findings, kvm, space


@click.command("doctor")
def command() -> None:
    """Check this machine; exit 1 if a build cannot run on it."""
    screen = console()
    store = store_folder()
    store.mkdir(parents=True, exist_ok=True)
    found = [*findings(), space(store), kvm()]
    for finding in found:
        mark = "[green]ok[/]     " if finding.fine else "[bold red]missing[/]"
        screen.print(f"{mark} {finding.what}", highlight=False)
    remedies = dict.fromkeys(finding.remedy for finding in found if not finding.fine)
    for remedy in remedies:
        screen.print(f"        [bold]{remedy}[/]", highlight=False, soft_wrap=True)
    sys.exit(1 if remedies else 0)
