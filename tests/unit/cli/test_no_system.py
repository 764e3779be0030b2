"""Where no system is made, there is nothing to boot, to prove and to update; nothing is resolved to find that out."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from distrobuild.cli import boot, test, update
from distrobuild.cli.image import NothingToBoot
from distrobuild.cli.test import NothingToProve
from distrobuild.cli.update import NothingToUpdate
from distrobuild.errors import DistrobuildError

NO_IMAGE = "none"
RELEASE = f"{{official: flatcar.bin.bz2, sha256: {'a' * 64}}}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "box.bu").write_text("variant: flatcar\nversion: 1.0.0\n")
    (tmp_path / "flatcar.bin.bz2").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "source", "error"),
    [
        (boot.command, NO_IMAGE, NothingToBoot),
        (test.command, NO_IMAGE, NothingToProve),
        (test.command, RELEASE, NothingToProve),
        (update.command, NO_IMAGE, NothingToUpdate),
        (update.command, RELEASE, NothingToUpdate),
    ],
)
def test_a_command_that_needs_a_system_says_that_there_is_none(
    project: Path, command: click.Command, source: str, error: type[DistrobuildError]
) -> None:
    target = f"{{source: {source}, ignition: box.bu}}"
    (project / "distro.yaml").write_text(f"name: demo\nversion: 1.0.0\ntargets: {{box: {target}}}\n")
    ended = CliRunner().invoke(command, ["box"])
    assert isinstance(ended.exception, error)
    assert "target `box`" in ended.exception.message
    assert ended.exception.hint
    assert not (project / "distro.lock").exists()
