"""What a person sees: exit codes and messages of the real command, and that bad input starts nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests import mlos

DISTROBUILD = Path(sys.executable).with_name("distrobuild")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project with its lock."""
    return mlos.copy_project(tmp_path / "project")


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Run:
    """Run `distrobuild` in the copy, with a store of its own."""
    environment = {**os.environ, "DISTROBUILD_STORE": str(tmp_path / "store"), "COLUMNS": "200"}
    environment.pop("DISTROBUILD_BASE", None)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [str(DISTROBUILD), *arguments]
        return subprocess.run(line, cwd=project, env=environment, check=False, capture_output=True, text=True)

    return command


def started(tmp_path: Path) -> Iterable[Path]:
    return (tmp_path / "store").glob("outputs/*")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


BUILD = ("build", "ubuntu", "--base", mlos.BASE, "--flavour", mlos.FLAVOUR)


def test_two_mistakes_in_the_manifest_are_shown_with_their_places_and_nothing_starts(
    project: Path, run: Run, tmp_path: Path
) -> None:
    change(project / "distro.yaml", "kernels:", "kernls:")
    change(project / "distro.yaml", "suite: noble", "suit: noble")
    ended = run(*BUILD)
    assert ended.returncode == 2
    assert "distro.yaml:6:1: unknown key `kernls`\n  hint: did you mean `kernels`?" in ended.stderr
    assert "unknown key `suit`" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(started(tmp_path))


def test_a_missing_patch_is_found_before_anything_starts(project: Path, run: Run, tmp_path: Path) -> None:
    change(project / "patches/6.12/series", "0002-", "0003-")
    ended = run(*BUILD)
    assert ended.returncode == 2
    assert "patches/6.12/series:" in ended.stderr
    assert not list(started(tmp_path))


def test_a_patch_with_a_wrong_hunk_count_is_found_before_anything_starts(
    project: Path, run: Run, tmp_path: Path
) -> None:
    (patch, *_) = sorted((project / "patches/6.12").glob("*.patch"))
    lines = patch.read_text().splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if line.startswith("@@ ") and ",0 +" not in line)
    del lines[header + 1]
    patch.write_text("".join(lines))
    ended = run(*BUILD)
    assert ended.returncode == 2
    assert f"{patch.name}:" in ended.stderr
    assert not list(started(tmp_path))


def test_a_stale_lock_stops_the_build_and_names_what_changed(project: Path, run: Run, tmp_path: Path) -> None:
    change(project / "packages/mlos-node/package.yaml", "otherwise: chrony", "otherwise: ntpsec")
    ended = run(*BUILD)
    assert ended.returncode == 2
    assert "the lock is stale" in ended.stderr
    assert "`ntpsec` is not in it" in ended.stderr
    assert "`distrobuild lock` resolves what changed" in ended.stderr
    assert not list(started(tmp_path))


def test_an_archive_that_does_not_answer_is_named_with_the_base_that_would_work(project: Path, run: Run) -> None:
    keyring = project / "any.gpg"
    keyring.write_bytes(b"")
    ended = run(
        "lock",
        "--set",
        "targets.ubuntu.base.mirror=http://127.0.0.1:9/ubuntu",
        "--set",
        f"targets.ubuntu.base.keyring={keyring}",
    )
    assert ended.returncode == 1
    assert "http://127.0.0.1:9/ubuntu" in ended.stderr
    assert "--base host" in ended.stderr


def test_an_unknown_base_is_refused_with_a_hint(run: Run) -> None:
    ended = run("plan", "ubuntu", "--base", "debian:trixi")
    assert ended.returncode in (1, 2)
    assert "trixi" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_plan_shows_what_would_run_and_starts_nothing(run: Run, tmp_path: Path) -> None:
    ended = run("plan", "ubuntu", "--base", mlos.BASE, "--flavour", mlos.FLAVOUR, "--json")
    assert ended.returncode == 0
    plan = json.loads(ended.stdout)
    assert plan["boot/ovmf"]["needs"][0] == "tools"
    assert all(stage["run"] for stage in plan.values())
    assert not list(started(tmp_path))


def test_every_command_explains_itself(run: Run) -> None:
    commands = ("build", "plan", "why", "lock", "boot", "test", "shell", "cache", "doctor", "explain", "init", "kernel")
    for command in commands:
        ended = run(command, "--help")
        assert ended.returncode == 0, command
        assert ended.stdout.startswith("Usage: distrobuild"), command
