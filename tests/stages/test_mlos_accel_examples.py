"""The examples of docs/accelerators.md print what stands there, on the machines that it names; its words exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mlos
from tests.unit.accel import SOURCE, machines

PAGE = (mlos.ROOT / "docs" / "accelerators.md").read_text("utf-8")
CONSOLE = re.compile(r"^<!-- machine: (\w+) -->\n```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DECLARED = re.compile(r"^```toml\n# /(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"\d+\.\d+ ms")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}


def machine(name: str, folder: Path) -> Path:
    """One that is written down, or else the one that the page itself declares."""
    if name in machines.NAMES:
        return machines.make(name, folder)
    for path, text in DECLARED.findall(PAGE):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def printed(command: str, root: Path) -> str:
    """What a command of the page prints, with the command before it."""
    program, *arguments = shlex.split(command)
    assert program == "mlos-accel"
    words = [sys.executable, str(SOURCE / "mlos-accel"), "--root", str(root), *arguments]
    done = subprocess.run(words, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True)
    return f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize(("name", "block"), CONSOLE.findall(PAGE))
def test_a_command_prints_what_the_page_says(name: str, block: str, tmp_path: Path) -> None:
    root = machine(name, tmp_path)
    commands = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    real = "".join(printed(command, root) for command in commands)
    assert TIME.sub("0.0 ms", real) == TIME.sub("0.0 ms", block)


def test_an_example_in_python_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", example], env=ENVIRONMENT, check=True)


def test_every_probe_and_metric_of_the_page_exists() -> None:
    from mlos_accel.inventory import PROBES
    from mlos_accel.metrics import METRICS, PREFIX

    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(PROBES)
    known = {f"{PREFIX}{metric.name}" for metric in METRICS} | {f"{PREFIX}device_info"}
    assert set(re.findall(rf"`({PREFIX}\w+)`", PAGE)) <= known
