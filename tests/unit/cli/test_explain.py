"""`distrobuild explain` as it is typed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from distrobuild.cli.explain import command
from distrobuild.manifest.explain import explain
from distrobuild.manifest.keys import UnknownKey


@pytest.mark.parametrize("arguments", [[], ["targets.ubuntu.base"]])
def test_the_text_is_printed_as_it_is_where_there_is_no_terminal(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0
    assert result.output == explain(*arguments) + "\n"


def test_an_unknown_key_reaches_the_caller_as_an_error_with_exit_code_2() -> None:
    result = CliRunner().invoke(command, ["targets.ubuntu.bse"])
    assert isinstance(result.exception, UnknownKey)
    assert result.exception.exit_code == 2
    assert result.exception.hint == "did you mean `base`?"
