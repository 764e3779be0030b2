"""Every config of the fixtures is translated as the real Butane did: result, exit status and messages.

`fixtures/NAME.bu` is a config, `fixtures/NAME.ign` the pretty-printed output of Butane for it, and
`fixtures/index.json` has the arguments, the exit status and the messages of each run.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from distrobuild.formats.butane import InvalidButane, Message, translate

FIXTURES = Path(__file__).parent / "fixtures"
RUNS: dict[str, dict[str, Any]] = json.loads((FIXTURES / "index.json").read_text())
SUCCESSFUL = [name for name in RUNS if (FIXTURES / f"{name}.ign").exists()]
PLACED = re.compile(r"(error|warning) at (\$\S*), line (\d+) col (\d+): (.*)")
UNPLACED = re.compile(r"Error translating config: (.*)")
SUMMARIES = ("source config is invalid", "config generated was invalid")
BUTANE = shutil.which("butane")

Finding = tuple[str, str, int, int, str]


def files_dir(name: str) -> Path | None:
    return FIXTURES / "files" if "-d" in RUNS[name]["args"] else None


def translated(name: str, pretty: bool = True) -> str:
    return translate((FIXTURES / f"{name}.bu").read_bytes(), f"{name}.bu", files_dir(name)).text(pretty=pretty)


def found(name: str) -> list[Message]:
    source = (FIXTURES / f"{name}.bu").read_bytes()
    try:
        return translate(source, f"{name}.bu", files_dir(name)).warnings
    except InvalidButane as error:
        return error.report.messages


def with_gzip_unpacked(value: Any) -> Any:
    """A config whose compressed contents are replaced by what they hold: two programs compress differently."""
    if isinstance(value, dict):
        if value.get("compression") == "gzip" and value.get("source", "").startswith("data:;base64,"):
            packed = base64.b64decode(value["source"].removeprefix("data:;base64,"))
            value = {**value, "source": gzip.decompress(packed)}
        return {name: with_gzip_unpacked(member) for name, member in value.items()}
    return [with_gzip_unpacked(item) for item in value] if isinstance(value, list) else value


def compact(pretty: str) -> str:
    """Butane's compact output, from its pretty one: every member of an object stands in a line of its own."""
    return "".join(re.sub(r'^("[^"]*"): ', r"\1:", line.lstrip()) for line in pretty.split("\n"))


def findings_of_butane(raw: str) -> list[Finding]:
    """What Butane printed; where it has no place for a message, the line is 0."""
    lines = [(PLACED.fullmatch(line), UNPLACED.fullmatch(line)) for line in raw.splitlines()]
    placed = [(each[1], each[2], int(each[3]), int(each[4]), each[5]) for each, _ in lines if each]
    return placed + [("error", "", 0, 0, each[1].lower()) for _, each in lines if each and each[1] not in SUMMARIES]


@pytest.mark.parametrize("name", SUCCESSFUL)
def test_the_config_is_butanes(name: str) -> None:
    expected = json.loads((FIXTURES / f"{name}.ign").read_text())
    assert with_gzip_unpacked(json.loads(translated(name))) == with_gzip_unpacked(expected)


@pytest.mark.parametrize("name", [name for name in SUCCESSFUL if "H4sI" not in (FIXTURES / f"{name}.ign").read_text()])
def test_the_text_is_butanes_byte_by_byte(name: str) -> None:
    expected = (FIXTURES / f"{name}.ign").read_text()
    assert f"{translated(name)}\n" == expected
    assert translated(name, pretty=False) == compact(expected)


@pytest.mark.parametrize("name", RUNS)
def test_the_messages_are_butanes(name: str) -> None:
    expected = findings_of_butane(RUNS[name]["raw_errors"])
    messages = [(m.severity.value, m.dotted, m.span.line, m.span.column, m.text) for m in found(name)]
    # Where Butane gives no place, any is better.
    messages = [each if not expected or expected[0][2] else ("error", "", 0, 0, each[4]) for each in messages]
    assert messages == expected


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run["rc"] and "--strict" not in run["args"]])
def test_what_butane_refuses_is_refused(name: str) -> None:
    with pytest.raises(InvalidButane):
        translated(name)


@pytest.mark.skipif(BUTANE is None, reason="there is no `butane` here to compare with")
def test_the_butane_of_this_machine_agrees() -> None:
    assert BUTANE is not None
    for name, run in RUNS.items():
        command = [BUTANE, *run["args"], f"{name}.bu"]
        ended = subprocess.run(command, cwd=FIXTURES, check=False, capture_output=True, text=True)
        messages = found(name)
        refused = any(message.severity == "error" for message in messages) or ("--strict" in command and messages)
        assert (name, bool(ended.returncode)) == (name, bool(refused))
        if not refused:
            theirs, ours = json.loads(ended.stdout), json.loads(translated(name))
            assert (name, with_gzip_unpacked(ours)) == (name, with_gzip_unpacked(theirs))
