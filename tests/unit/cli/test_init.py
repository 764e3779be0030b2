"""`distrobuild init` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from distrobuild.cli.init import command
from distrobuild.manifest.loader import load
from distrobuild.manifest.starter import AlreadyThere


def test_a_new_folder_gets_a_project_and_the_next_commands_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    result = CliRunner().invoke(command, [str(folder)])
    assert result.exit_code == 0
    assert load([folder / "distro.yaml"]).manifest.name == "acme"
    assert f"cd {folder}" in result.output
    assert "distrobuild build acme" in result.output


def test_without_a_folder_the_current_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0
    assert (tmp_path / "distro.yaml").is_file()
    assert "cd " not in result.output


def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    CliRunner().invoke(command, [str(tmp_path)])
    (tmp_path / "distro.yaml").write_text("mine\n")
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(result.exception, AlreadyThere)
    assert (tmp_path / "distro.yaml").read_text() == "mine\n"
