"""A small project that is right, for tests to break one line of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD_LINES = (
    "name: acme",
    'version: "1.0"',
    "kernels:",
    "  acme-6.12:",
    "    source: {apt: linux-source-6.12}",
    "    patches: patches",
    "    config: [base.config]",
    "    flavours: {server: {}, vm: {base_config: allnoconfig}}",
    "targets:",
    "  box:",
    "    base: {distribution: debian, suite: trixie}",
    "    kernel: acme-6.12",
    "    packages: [hello]",
    "    tests: {path: checks}",
)

PACKAGE = """\
name: hello
summary: a package that says hello to its tests
description: A package that has just enough in it to be one.
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the project, which is also the current one."""
    files = {
        "distro.yaml": "\n".join(GOOD_LINES) + "\n",
        "base.config": "CONFIG_SMP=y\n",
        "patches/series": "# the series\n0001-first.patch\n",
        "patches/0001-first.patch": "",
        "packages/hello/package.yaml": PACKAGE,
        "checks/test_box.py": "",
        "checks/machine.py": "",
        "checks/conftest.py": "",
        "checks/node/test_node.py": "",
        "node/test_node.py": "",
        "node/conftest.py": "",
        "site/test_box.py": "",
        "site/machine.py": "",
        "linux/Kconfig": "",
        "box.bu": "variant: flatcar\nversion: 1.0.0\n",
        "flatcar.bin.bz2": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rewrite(project: Path) -> Callable[..., None]:
    """Replace lines of the manifest by number: `rewrite({5: "    source: {folder: linux}"})`."""

    def replace(lines: dict[int, str]) -> None:
        texts = dict(enumerate(GOOD_LINES, start=1)) | lines
        (project / "distro.yaml").write_text("".join(f"{texts[number]}\n" for number in sorted(texts)))

    return replace
