"""What a program in the sandbox sees, by really starting one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def sandbox(tmp_path: Path, lines: list[str]) -> Sandbox:
    for name in ("input", "work", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "input" / "file").write_text("input")
    return Sandbox(
        None, {"source": tmp_path / "input"}, tmp_path / "work", tmp_path / "out", epoch=1234, log=lines.append
    )


def test_inputs_can_be_read_but_not_written(sandbox: Sandbox) -> None:
    assert sandbox.read(["cat", "/inputs/source/file"]) == b"input"
    with pytest.raises(ProgramFailed):
        sandbox.run(["touch", "/inputs/source/new"])


def test_the_root_can_be_read_but_not_written(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/etc").mkdir()
    programs = {f"/{name}": Path("/", name) for name in ("usr", "bin", "lib", "lib64") if Path("/", name).exists()}
    own = replace(sandbox, root=tmp_path / "root", extra=programs)
    with pytest.raises(ProgramFailed, match="touch /etc/new"):
        own.run(["touch", "/etc/new"])
    assert not (tmp_path / "root/etc/new").exists()


def test_output_and_work_can_be_written(sandbox: Sandbox) -> None:
    sandbox.run(["sh", "-c", "echo result > /out/file && echo draft > /work/file"])
    assert (sandbox.output / "file").read_text() == "result\n"
    assert (sandbox.work / "file").read_text() == "draft\n"


def test_what_is_not_declared_is_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed):
        sandbox.run(["ls", str(tmp_path)])
    with pytest.raises(ProgramFailed):
        sandbox.run(["ls", "/home"])


def test_there_is_no_network(sandbox: Sandbox) -> None:
    interfaces = sandbox.read(["cat", "/proc/net/dev"]).decode().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_nothing_of_the_callers_environment_leaks_in(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "leaked")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    environment = sandbox.read(["env"]).decode()
    assert "SECRET" not in environment
    assert "LANG=C.UTF-8" in environment
    assert "SOURCE_DATE_EPOCH=1234" in environment


def test_the_callers_umask_does_not_count(sandbox: Sandbox) -> None:
    before = os.umask(0o077)
    try:
        sandbox.run(["touch", "/out/file"])
    finally:
        os.umask(before)
    assert (sandbox.output / "file").stat().st_mode & 0o777 == 0o644


def test_the_hostname_is_the_same_everywhere(sandbox: Sandbox) -> None:
    assert sandbox.read(["uname", "-n"]) == b"distrobuild\n"


def test_a_failing_program_says_command_status_last_lines_and_how_to_repeat_it(sandbox: Sandbox) -> None:
    with pytest.raises(ProgramFailed) as error:
        sandbox.run(["sh", "-c", "echo the reason; exit 7"])
    assert error.value.status == 7
    assert error.value.tail == ("the reason",)
    assert error.value.reproduction.startswith("bwrap ") or error.value.reproduction.startswith("unshare ")


def test_stdout_and_log_are_kept_apart_when_reading(sandbox: Sandbox, lines: list[str]) -> None:
    assert sandbox.read(["sh", "-c", "echo result; echo complaint >&2"]) == b"result\n"
    assert lines == ["complaint"]


def test_files_can_belong_to_other_groups(sandbox: Sandbox) -> None:
    """What bubblewrap's own user namespace cannot do, and every root file system needs (gid 42 is `shadow`)."""
    sandbox.run(["sh", "-c", "touch /out/shadow && chown 0:42 /out/shadow"])
