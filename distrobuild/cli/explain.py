"""`distrobuild explain [KEY]`: what can be written in a manifest."""

from __future__ import annotations

import re

import click
from rich.console import Console
from rich.text import Text

from distrobuild.manifest.explain import explain

LABEL = re.compile(r"^  [a-z][a-z ]*:", re.MULTILINE)
KEY_NAME = re.compile(r"^    [a-z][a-z0-9_.]*(?=  )", re.MULTILINE)
QUOTED = re.compile(r"`[^`]+`")


@click.command("explain")
@click.argument("key", required=False)
def command(key: str | None) -> None:
    """Document KEY of the manifest, for example targets.ubuntu.base; without it, list the top-level keys.

    A name may be written as it stands in your manifest, or as `*`.
    """
    text = Text(explain(key))
    text.highlight_regex(r"\A[^\n]+", "bold")
    text.highlight_regex(LABEL, "dim")
    text.highlight_regex(KEY_NAME, "bold")
    text.highlight_regex(QUOTED, "cyan")
    Console(highlight=False, soft_wrap=True).print(text)
