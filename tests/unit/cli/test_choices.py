"""What a choice of the command line is called is what documentation and messages call it."""

from __future__ import annotations

import click
import pytest

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import MEDIUM_DEVICES, Medium
from distrobuild.cli import boot, test


@pytest.mark.parametrize(
    ("command", "option", "values"),
    [
        (test.command, "firmware", list(Firmware)),
        (boot.command, "firmware", list(Firmware)),
        (boot.command, "medium", list(MEDIUM_DEVICES)),
    ],
)
def test_a_choice_is_made_by_its_value(command: click.Command, option: str, values: list[Firmware | Medium]) -> None:
    (parameter,) = (each for each in command.params if each.name == option)
    for value in values:
        assert parameter.type.convert(value.value, parameter, None) == value.value
