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
from tests.stages import mlaccel_host, tensormem_host
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


def examples(language: str, of: str) -> str:
    """The only example of a language that has these words."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (example,) = (each for each in found if of in each)
    return str(example)


def test_the_inventorys_example_in_python_runs() -> None:
    subprocess.run([sys.executable, "-c", examples("python", "mlos_accel")], env=ENVIRONMENT, check=True)


def test_the_librarys_example_in_c_runs_as_far_as_there_is_a_device(tmp_path: Path) -> None:
    (tmp_path / "example.c").write_text(examples("c", "mlos/accel.h"))
    words = ["cc", "-Wall", "-Wextra", "-Werror", f"-I{mlaccel_host.build()}", "-o", "example", "example.c"]
    subprocess.run([*words, mlaccel_host.build() / "libmlaccel.so.1"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [tmp_path / "example"], env=mlaccel_host.environment(), check=False, capture_output=True, text=True
    )
    assert outcome(done) in {(0, "10 13 28 40\n"), NO_DEVICE}


def test_the_librarys_example_in_python_runs_as_far_as_there_is_a_device() -> None:
    paths = os.pathsep.join(str(each) for each in (mlaccel_host.build(), tensormem_host.build() / "python"))
    libraries = os.pathsep.join(str(each) for each in (mlaccel_host.build(), tensormem_host.build()))
    environment = {**ENVIRONMENT, "PYTHONPATH": paths, "LD_LIBRARY_PATH": libraries}
    command = [sys.executable, "-c", examples("python", "mlaccel")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert outcome(done) in {(0, ""), NO_DEVICE}


NO_DEVICE = (1, "no device of the accelerator hub can")


def outcome(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Its status, and what it printed; of a failure only whether it is that there is no device."""
    if done.returncode == 0:
        return 0, done.stdout
    return done.returncode, NO_DEVICE[1] if NO_DEVICE[1] in done.stderr else done.stderr


def test_every_probe_and_metric_of_the_page_exists() -> None:
    from mlos_accel.inventory import PROBES
    from mlos_accel.metrics import METRICS, PREFIX

    probes = PAGE.partition("## Where it comes from")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", probes, re.MULTILINE)) == set(PROBES)
    known = {f"{PREFIX}{metric.name}" for metric in METRICS} | {f"{PREFIX}device_info"}
    assert set(re.findall(rf"`({PREFIX}\w+)`", PAGE)) <= known
