"""`distrobuild butane`: JSON on stdout, messages on stderr, and an exit status that says which."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.cli.butane import command
from distrobuild.errors import DistrobuildError

FIXTURES = Path(__file__).parent / "fixtures"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command: exit status, stdout and stderr."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status, said = 0, ""
        try:
            command.main(list(arguments), standalone_mode=False)
        except DistrobuildError as error:
            status, said = error.exit_code, str(error)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode() + said

    return run


def test_the_config_is_printed_compact_with_a_line_break(run: Run) -> None:
    assert run(str(FIXTURES / "inline_short.bu")) == (
        0,
        '{"ignition":{"version":"3.3.0"},"storage":{"files":[{"path":"/etc/a","contents":{"compression":"",'
        '"source":"data:,xyzzy"}}]}}\n',
        "",
    )


def test_pretty_is_indented(run: Run) -> None:
    assert run("--pretty", str(FIXTURES / "kargs.bu")) == (0, (FIXTURES / "kargs.ign").read_text(), "")


def test_stdin_is_read(run: Run) -> None:
    status, out, _ = run("-", stdin=(FIXTURES / "kargs.bu").read_bytes())
    assert (status, json.loads(out)) == (0, json.loads((FIXTURES / "kargs.ign").read_text()))


def test_what_is_not_ascii_is_printed_in_utf8(run: Run) -> None:
    _, out, _ = run("-", stdin="variant: flatcar\nversion: 1.0.0\npasswd: {users: [{name: ä}]}\n".encode())
    assert '"name":"ä"' in out


def test_local_files_are_read_below_the_files_directory(run: Run) -> None:
    status, out, _ = run("--pretty", "-d", str(FIXTURES / "files"), str(FIXTURES / "trees.bu"))
    assert (status, out) == (0, (FIXTURES / "trees.ign").read_text())


def test_a_warning_does_not_keep_the_config_back(run: Run) -> None:
    status, out, err = run(str(FIXTURES / "warn_unused_key.bu"))
    assert (status, json.loads(out)["storage"]) == (0, {"files": [{"path": "/a"}]})
    assert "warning[$.storage.files.0.content]: unused key content\n" in err
    assert "warn_unused_key.bu:5:18\n" in err
    assert "hint: did you mean `contents`?" in err


def test_with_strict_a_warning_keeps_the_config_back(run: Run) -> None:
    status, out, err = run("--strict", str(FIXTURES / "warn_unused_key.bu"))
    assert (status, out) == (1, "")
    assert "unused key content" in err
    assert "the config produced warnings and --strict was specified" in err


def test_with_strict_a_config_without_warnings_is_printed(run: Run) -> None:
    assert run("--strict", "--pretty", str(FIXTURES / "kargs.bu"))[0] == 0


def test_an_error_prints_nothing_but_messages(run: Run) -> None:
    status, out, err = run(
        "-", stdin=b"variant: flatcar\nversion: 1.0.0\nx: 1\nstorage: {files: [{path: a}, {path: b}]}\n"
    )
    assert (status, out) == (1, "")
    assert "<stdin>:4:26\n" in err
    assert err.endswith("the config is invalid: 2 errors, 1 warning; nothing was written")


def test_a_file_that_is_not_there_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.bu")) == (1, "", f"{tmp_path / 'none.bu'}: No such file or directory")
    assert run(str(tmp_path)) == (1, "", f"{tmp_path}: Is a directory")


def test_a_files_directory_that_is_not_there_is_an_error(run: Run, tmp_path: Path) -> None:
    status, _, err = run("-d", str(tmp_path / "none"), str(FIXTURES / "kargs.bu"))
    assert (status, err) == (1, f"--files-dir {tmp_path / 'none'}: no such folder")


def test_there_are_no_colours_where_there_is_no_terminal(run: Run) -> None:
    assert "\x1b" not in run(str(FIXTURES / "err_dup_path.bu"))[2]
