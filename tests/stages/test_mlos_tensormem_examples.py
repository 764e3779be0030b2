"""The examples of docs/tensor-memory.md run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import mlos
from tests.stages.tensormem_host import build, environment

PAGE = (mlos.ROOT / "docs" / "tensor-memory.md").read_text("utf-8")
HEADER = b'{"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_an_example_in_python_runs(number: int, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + bytes(8))
    known = {**environment(), "TENSORMEM_SOCKET": str(tmp_path / "broker")}
    daemon = [sys.executable, "-c", "from tensormem.daemon import main; main()"]
    with subprocess.Popen(daemon, env=known) as broker:
        try:
            while not (tmp_path / "broker").exists() or (tmp_path / "broker").stat().st_mode & 0o777 != 0o666:
                time.sleep(0.01)
            subprocess.run([sys.executable, "-c", blocks("python")[number]], cwd=tmp_path, env=known, check=True)
        finally:
            broker.terminate()


def test_the_example_in_c_runs(tmp_path: Path) -> None:
    (text,) = blocks("c")
    (tmp_path / "example.c").write_text(text)
    library = build() / "libtensormem.so.1"
    subprocess.run(
        ["cc", "-Wall", "-Wextra", "-Werror", f"-I{build()}", "-o", "example", "example.c", library],
        cwd=tmp_path,
        check=True,
    )
    subprocess.run([tmp_path / "example"], env=environment(), check=True)
