"""How the program ends, for the scripts that call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distrobuild.cli.main import main

PATCH = """\
From: A <a@example.org>
Subject: [PATCH] Makefile: Say more

---
--- a/Makefile
+++ b/Makefile
@@ -1,3 +1,4 @@
 VERSION = 6
 PATCHLEVEL = 12
 SUBLEVEL = 9
+EXTRAVERSION = -more
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel in `linux`, and a patch for it."""
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches/series").write_text("0001-more.patch\n")
    (tmp_path / "patches/0001-more.patch").write_text(PATCH)
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux/Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 9\n")
    (tmp_path / "linux/Kconfig").touch()
    kernel = {"source": {"folder": "linux"}, "patches": "patches"}
    manifest = {"name": "demo", "version": "1.0.0", "kernels": {"only": kernel}}
    (tmp_path / "distro.yaml").write_text(json.dumps(manifest))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["distrobuild", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_report_of_conflicts_ends_with_1(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh = ("kernel", "refresh", "--source", "linux")
    assert exit_code(monkeypatch, *refresh) == 0
    conflict = PATCH.replace(" SUBLEVEL = 9", "-SUBLEVEL = 8").replace("+1,4", "+1,3")
    (project / "patches/0001-more.patch").write_text(conflict)
    assert exit_code(monkeypatch, *refresh) == 1


def test_bad_input_ends_with_2_and_help_with_0(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code(monkeypatch, "kernel", "refresh", "other") == 2
    assert exit_code(monkeypatch, "kernel", "--unheard-of") == 2
    assert exit_code(monkeypatch, "--help") == 0
