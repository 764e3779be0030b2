"""A number of bytes on the command line."""

from __future__ import annotations

import re

import click

UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
"""Binary units, as messages print them: `30G` and `30 GiB` are 30 times 2^30 bytes."""
SIZE = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?:(?P<unit>[KMGT])(iB)?|B)?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """The bytes of `30G`, `1.5 TiB`, `512M`, or of a plain number. Raises `click.BadParameter` for anything else."""
    match = SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"`{text}` is no size: write `30G`, `1.5T` or `512M`")
    return int(float(match["number"]) * (1 << UNITS[(match["unit"] or "").upper()]))
