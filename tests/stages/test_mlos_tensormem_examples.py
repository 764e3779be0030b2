"""The examples of docs/tensor-memory.md run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import mlos
from tests.stages.tensormem_host import build, environment

PAGE = (mlos.ROOT / "docs" / "tensor-memory.md").read_text("utf-8")
HEADER = b'{"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a program that finds a broker, and a model in its folder."""
    (tmp_path / "model.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + bytes(8))
    place = tmp_path / "broker"
    variables = {**environment(), "TENSORMEM_SOCKET": str(place)}
    with subprocess.Popen([build() / "tensormemd"], env=variables) as broker:
        try:
            while not place.exists() or place.stat().st_mode & 0o777 != 0o666:
                time.sleep(0.01)
            yield variables
        finally:
            broker.terminate()


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_an_example_in_python_runs(number: int, tmp_path: Path, known: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", blocks("python")[number]], cwd=tmp_path, env=known, check=True)


@pytest.mark.parametrize("number", range(len(blocks("c"))))
def test_an_example_in_c_runs(number: int, tmp_path: Path, known: dict[str, str]) -> None:
    (tmp_path / "example.c").write_text(blocks("c")[number])
    library = build() / "libtensormem.so.1"
    subprocess.run(
        ["cc", "-Wall", "-Wextra", "-Werror", f"-I{build()}", "-o", "example", "example.c", library],
        cwd=tmp_path,
        check=True,
    )
    subprocess.run([tmp_path / "example"], cwd=tmp_path, env=known, check=True)
