from __future__ import annotations

import ast
import importlib.metadata
import os
from pathlib import Path

import pytest

import distrobuild
from distrobuild.plan import code
from distrobuild.plan.code import code_digests
from distrobuild.plan.graph import Node, Plan, Tree
from distrobuild.plan.key import keys
from distrobuild.plan.why import changed_stages, differences
from distrobuild.stages.boot import BootStage
from distrobuild.stages.deb import DebStage
from tests.unit.engine.small_stages import EPOCH, WriteOptions, WriteStage, plan, write


def key_of(node: Node) -> str:
    return keys(plan(node))[node.name].key


def test_the_same_stage_has_the_same_key() -> None:
    assert key_of(write("one", "a")) == key_of(write("one", "a"))


def test_a_stage_of_another_name_has_the_same_key() -> None:
    assert key_of(write("one", "a")) == key_of(write("two", "a"))


@pytest.mark.parametrize(
    "other",
    [
        Plan("test", (write("one", "a"),), EPOCH + 1, "amd64"),
        Plan("test", (write("one", "a"),), EPOCH, "arm64"),
        Plan("test", (write("one", "b"),), EPOCH, "amd64"),
        Plan("test", (write("one", "a", left=write("more", "x")),), EPOCH, "amd64"),
        Plan("test", (Node("one", WriteStage(WriteOptions(text="a")), {}, write("tools", "t")),), EPOCH, "amd64"),
    ],
    ids=["epoch", "architecture", "option", "input", "tools"],
)
def test_everything_that_can_change_a_result_changes_the_key(other: Plan) -> None:
    assert keys(other)["one"].key != key_of(write("one", "a"))


def test_other_tools_of_the_same_name_change_the_key() -> None:
    def with_tools(text: str) -> Node:
        return Node("one", WriteStage(WriteOptions(text="a")), {}, write("tools", text))

    assert key_of(with_tools("gcc 14")) != key_of(with_tools("gcc 15"))


def test_the_code_of_a_stage_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(write("one", "a"))
    monkeypatch.setattr("distrobuild.plan.key.code_digests", lambda stage: {stage.__module__: "sha256:changed"})
    assert key_of(write("one", "a")) != before


def test_the_code_of_a_stage_is_its_module_what_it_imports_and_its_templates() -> None:
    found = code_digests(DebStage)
    assert "distrobuild.stages.deb" in found
    assert "distrobuild.manifest.package" in found
    assert "distrobuild.sandbox.contract" in found
    assert any(name.startswith("templates/deb/") for name in found)
    assert "python:Jinja2" in found or "python:jinja2" in found
    assert "distrobuild.engine.engine" not in found


def test_no_import_is_overlooked_at_any_depth() -> None:
    for path in Path(distrobuild.__file__).parent.rglob("*.py"):
        text = path.read_text()
        parsed = {ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)}
        assert parsed <= {ast.dump(node) for node in code._import_statements(text)}, path


def test_a_module_is_versioned_by_the_distribution_that_brings_it() -> None:
    known = importlib.metadata.packages_distributions()
    # Before Python 3.11.4 this knows only those that list their modules, and believes what they say.
    modules = {"yaml", "debian", "qemu", "testinfra", "jinja2", "paramiko"} & known.keys()
    assert modules
    for module in modules:
        assert {name for name, _ in code._distributions(module)} <= set(known[module]), module
    assert [name for name, _ in code._distributions("yaml")] == ["PyYAML"]


def test_a_file_that_a_module_reads_counts_as_its_code() -> None:
    assert "distrobuild.boot/probe.S" in code_digests(BootStage)


@pytest.mark.parametrize("file", ["stages/deb.py", "manifest/package.py", "stages/templates/deb/rules.j2"])
def test_a_file_that_changed_since_the_start_is_noticed_by_the_stages_that_run_it(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code.require_unchanged(DebStage)
    monkeypatch.setitem(code.LOADED, code.PACKAGE / file, (0, 0))
    with pytest.raises(code.CodeChanged, match=file):
        code.require_unchanged(DebStage)
    code.require_unchanged(BootStage)


def test_umask_and_times_of_a_source_do_not_count(tmp_path: Path) -> None:
    found = set()
    for name, mode, seconds in (("a", 0o644, 1), ("b", 0o600, 2)):
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        (folder / "file").write_text("text")
        (folder / "file").chmod(mode)
        os.utime(folder / "file", (seconds, seconds))
        found.add(key_of(write("one", "a", tree=Tree(folder, "source"))))
    assert len(found) == 1


@pytest.mark.parametrize("change", ["content", "executable", "name", "link"])
def test_what_is_in_a_source_counts(tmp_path: Path, change: str) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    before = key_of(write("one", "a", tree=Tree(tmp_path, "source")))
    match change:
        case "content":
            (tmp_path / "file").write_text("other")
        case "executable":
            (tmp_path / "file").chmod(0o755)
        case "name":
            (tmp_path / "file").rename(tmp_path / "renamed")
        case _:
            (tmp_path / "link").unlink()
            (tmp_path / "link").symlink_to("elsewhere")
    assert key_of(write("one", "a", tree=Tree(tmp_path, "source"))) != before


def test_an_undeclared_input_is_refused() -> None:
    with pytest.raises(TypeError, match="declares no input 'surprise'"):
        Node("one", WriteStage(WriteOptions(text="a")), {"surprise": write("two", "b")})


def test_why_names_the_changed_file_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "0001-fix.patch").write_text("one")
    (tmp_path / "series").write_text("0001-fix.patch")
    before = keys(plan(write("kernel", "a", tree=Tree(tmp_path, "patches"))))["kernel"].record
    (tmp_path / "0001-fix.patch").write_text("two")
    after = keys(plan(write("kernel", "a", tree=Tree(tmp_path, "patches"))))["kernel"].record
    assert [change.field for change in differences(before, after)] == ["inputs.tree.0001-fix.patch"]


def test_why_names_a_changed_option_with_both_values() -> None:
    before = keys(plan(write("one", "old")))["one"].record
    after = keys(plan(write("one", "new")))["one"].record
    assert [str(change) for change in differences(before, after)] == ["options.text: old -> new"]


def test_why_points_to_the_stage_behind_a_changed_input() -> None:
    before = keys(plan(write("last", "x", left=write("first", "old"))))["last"].record
    after = keys(plan(write("last", "x", left=write("first", "new"))))["last"].record
    assert changed_stages(before, after) == ["first"]


def test_why_names_packages_by_version_not_by_position() -> None:
    def record(*names: str) -> dict[str, object]:
        return {"inputs": {}, "options": {"files": [{"name": name, "size": 1} for name in names]}}

    before = record("gcc-14_14.2.0-19_amd64.deb", "make_4.4-1_amd64.deb")
    after = record("bc_1.07-4_amd64.deb", "gcc-14_14.2.0-20_amd64.deb", "make_4.4-1_amd64.deb")
    changes = differences(before, after)
    assert [change.field for change in changes] == ["options.files.bc", "options.files.gcc-14.name"]
    assert "14.2.0-19" in (changes[1].before or "")
    assert "14.2.0-20" in (changes[1].after or "")
