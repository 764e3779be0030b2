"""`distrobuild kernel config|shell|refresh` on a small tree, and on the lines of this repository."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distrobuild.cli.kernel import command
from distrobuild.errors import DistrobuildError
from tests import mlos
from tests.stages.small_kernel import write_tree

PATCH = """\
From: A <a@example.org>
Subject: [PATCH] main: Answer

Origin: vendor
---
 main.c | 2 +-

diff --git a/main.c b/main.c
--- a/main.c
+++ b/main.c
@@ -3,4 +3,4 @@
 {
 \tputs(WHO);
-\treturn 0;
+\treturn 42;
 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two lines of a small kernel, which share a patch; the tools are those of this project."""
    mlos.plan()  # makes the lock, where there is none yet
    shutil.copyfile(mlos.ROOT / "distro.lock", tmp_path / "distro.lock")
    (tmp_path / "small.config").write_text("# what it is about\nCONFIG_PLAIN=y\n")
    write_tree(tmp_path / "linux")
    for line in ("one", "two"):
        (tmp_path / "patches" / line).mkdir(parents=True)
        (tmp_path / "patches" / line / "series").write_text("# Base: 6.12.9\n../shared/0001-answer.patch\n")
    (tmp_path / "patches/shared").mkdir()
    (tmp_path / "patches/shared/0001-answer.patch").write_text(PATCH)
    kernels = {
        line: {
            "source": {"folder": "linux"},
            "patches": f"patches/{line}",
            "config": ["small.config"],
            "flavours": {"vm": {"base_config": "allnoconfig"}},
        }
        for line in ("one", "two")
    }
    target = {"base": {"distribution": "debian", "suite": "trixie"}, "kernel": "one", "flavour": "vm"}
    manifest = {"name": "mlos", "version": "1.0.0", "kernels": kernels, "targets": {"ubuntu": target}}
    (tmp_path / "distro.yaml").write_text(json.dumps(manifest))
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    name, *rest = arguments
    result = CliRunner().invoke(command, [name, f"--file={project / 'distro.yaml'}", *rest], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_symbol_is_shown_with_who_asked_for_it(project: Path) -> None:
    shown = run(project, "config", "--show", "PLAIN", "--show", "CONFIG_IMPOSSIBLE").output
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "CONFIG_PLAIN=y small.config:2" in rows
    assert "# CONFIG_IMPOSSIBLE is not set asked for by no fragment" in rows


def test_the_configuration_is_written_where_it_is_wanted(project: Path) -> None:
    run(project, "config", "two", "-o", str(project / "config"))
    assert "CONFIG_PLAIN=y\n" in (project / "config").read_text()


def test_every_flavour_of_every_kernel_is_configured(project: Path) -> None:
    shown = run(project, "config", "--all").output
    assert [line for line in ("one", "two") if f"{line}, flavour vm: 1 symbols built in" in shown] == ["one", "two"]


def test_a_flavour_that_loses_a_symbol_keeps_no_other_from_being_configured(project: Path) -> None:
    manifest = json.loads((project / "distro.yaml").read_text())
    for line, kernel in manifest["kernels"].items():
        (project / f"{line}.config").write_text("CONFIG_IMPOSSIBLE=y\n")
        kernel["flavours"] = {"bad": {"base_config": "allnoconfig", "config": [f"{line}.config"]}, **kernel["flavours"]}
    (project / "distro.yaml").write_text(json.dumps(manifest))
    ended = run(project, "config", "--all")
    assert ended.exit_code == 1
    for line in ("one", "two"):
        assert f"{line}, flavour vm: 1 symbols built in" in ended.output
        assert f"{line}, flavour bad:\n{line}.config:1:1: CONFIG_IMPOSSIBLE: wanted y, got n" in ended.output


def test_what_is_wrong_with_several_flavours_is_said_once(project: Path) -> None:
    (project / "small.config").write_text("CONFIG_IMPOSSIBLE=y\n")
    said = run(project, "config", "--all").output
    assert "one, flavour vm; two, flavour vm:\nsmall.config:1:1: CONFIG_IMPOSSIBLE: wanted y, got n" in said


def test_all_flavours_are_none_in_particular(project: Path) -> None:
    with pytest.raises(DistrobuildError, match="no flavour in particular"):
        run(project, "config", "--all", "--flavour", "vm")


def test_the_tree_of_a_shell_has_a_commit_for_each_patch_and_stays(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tree = project / "work"
    result = run(project, "shell", "--tree", str(tree), "two", "--", "git", "log", "--format=%s by %an")
    assert result.exit_code == 0
    assert "main: Answer by A\nLinux 6.12.9 by distrobuild\n" in capfd.readouterr().out
    (source,) = tree.rglob("main.c")
    assert "return 42;" in source.read_text()
    source.write_text("int main(void) { return 7; }\n")
    assert (
        run(project, "shell", "--tree", str(tree), "two", "--", "sh", "-c", "make -s bzImage && ./bzImage").exit_code
        == 7
    )


def test_a_report_on_all_lines_names_each_and_ends_with_1_if_one_conflicts(project: Path) -> None:
    fits = run(project, "refresh", "--all")
    assert (fits.exit_code, fits.output.count("clean")) == (0, 2)
    subprocess.run(["sed", "-i", "s/return 0/return 1/", project / "linux/main.c"], check=True)
    conflict = run(project, "refresh", "--all")
    assert conflict.exit_code == 1
    assert conflict.output.count("0001-answer.patch:11:1: hunk 1 does not apply to main.c") == 2


def test_the_lines_of_this_repository_apply_without_fuzz_to_what_is_locked() -> None:
    arguments = ["refresh", f"--file={mlos.ROOT / 'distro.yaml'}", "--all"]
    result = CliRunner().invoke(command, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    fits = [word for line in result.output.splitlines() if ".patch" in line for word in line.split()[1:2]]
    assert fits
    assert set(fits) <= {"clean", "offset"}
