"""`distrobuild`: the commands, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from distrobuild import __version__
from distrobuild.errors import DistrobuildError

COMMANDS = (
    "build", "update", "plan", "why", "lock", "boot", "test", "shell", "cache", "doctor", "explain", "init", "kernel",
    "butane", "schema",
)  # fmt: skip
"""Each lives in the module of its name. Loaded when used, so that `--help` and `explain` stay quick."""


class Commands(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module: Any = importlib.import_module(f"distrobuild.cli.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="distrobuild")
def cli() -> None:
    """Build a Linux distribution for machine-learning machines from one manifest, and prove that it boots."""


def main() -> None:
    """Run the command line; exit 0 (done), 1 (failed), 2 (bad input), 130 (interrupted)."""
    try:
        # A command returns nothing; what click returns is the code of one that ended itself by `Exit`.
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except DistrobuildError as error:
        print(f"distrobuild: {error}" if error.exit_code != 2 else str(error), file=sys.stderr)
        sys.exit(error.exit_code)
