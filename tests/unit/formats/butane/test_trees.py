"""A local folder is written to the machine as it lies here."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.unit.formats.butane.configs import found, ignition

TAKEN = "matching filesystem node has existing contents or different type"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """`tree` with a program, a file in a folder, a link, and an empty folder; `other` beside it."""
    tree = tmp_path / "tree"
    (tree / "b").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "b" / "file").write_text("file")
    (tree / "b.program").write_text("program")
    (tree / "b.program").chmod(0o641)
    (tree / "c").symlink_to("b/none")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("other")
    return tmp_path


def storage(body: str, files: Path) -> dict[str, list[dict[str, object]]]:
    return dict(ignition(f"storage:\n  trees: [{{local: tree, path: /t}}]\n{body}", files)["storage"])


def test_files_and_links_are_added_in_the_order_of_their_names(files: Path) -> None:
    result = storage("", files)
    assert [(file["path"], file["mode"]) for file in result["files"]] == [("/t/b/file", 0o644), ("/t/b.program", 0o755)]
    assert result["links"] == [{"path": "/t/c", "target": "b/none"}]
    assert "directories" not in result


def test_without_a_path_a_tree_lies_at_the_root(files: Path) -> None:
    (file,) = ignition("storage: {trees: [{local: other}]}", files)["storage"]["files"]
    assert file["path"] == "/x"


@pytest.mark.parametrize("path", ["/t/", "//t", "/t/./u/.."])
def test_the_path_of_a_tree_is_simplified(path: str, files: Path) -> None:
    (file,) = ignition(f"storage: {{trees: [{{local: other, path: {path}}}]}}", files)["storage"]["files"]
    assert file["path"] == "/t/x"


def test_a_file_of_the_config_is_filled_and_keeps_what_it_says(files: Path) -> None:
    body = "  files: [{path: /t/b/file, mode: 0600, user: {name: core}}, {path: /z}]"
    result = storage(body, files)["files"]
    assert [file["path"] for file in result] == ["/t/b/file", "/z", "/t/b.program"]
    assert result[0] == {
        "path": "/t/b/file",
        "user": {"name": "core"},
        "contents": {"compression": "", "source": "data:,file"},
        "mode": 0o600,
    }


def test_a_file_that_a_tree_fills_may_be_overwritten(files: Path) -> None:
    assert storage("  files: [{path: /t/b/file, overwrite: true}]", files)["files"][0]["overwrite"] is True


def test_a_link_of_the_config_is_filled_and_keeps_what_it_says(files: Path) -> None:
    assert storage("  links: [{path: /t/c, hard: false, overwrite: true}]", files)["links"] == [
        {"overwrite": True, "path": "/t/c", "hard": False, "target": "b/none"}
    ]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("files: [{path: /t/b/file, contents: {inline: x}}]", "/t/b/file"),
        ("directories: [{path: /t/b/file}]", "/t/b/file"),
        ("links: [{path: /t/b/file, target: /x}]", "/t/b/file"),
        ("links: [{path: /t/c, target: /x}]", "/t/c"),
        ("files: [{path: /t/c}]", "/t/c"),
    ],
)
def test_what_the_config_has_already_is_not_replaced(body: str, path: str, files: Path) -> None:
    assert found(f"storage:\n  trees: [{{local: tree, path: /t}}]\n  {body}\n", files) == [
        ("error", "storage.trees.0", f"{TAKEN}: {path}")
    ]


def test_two_trees_do_not_overwrite_each_other(files: Path) -> None:
    assert found("storage: {trees: [{local: other}, {local: other}]}", files) == [
        ("error", "storage.trees.1", f"{TAKEN}: /x")
    ]


def test_what_is_neither_file_nor_link_is_refused(files: Path) -> None:
    os.mkfifo(files / "other" / "pipe")
    assert stat.S_ISFIFO((files / "other" / "pipe").stat().st_mode)
    (message,) = found("storage: {trees: [{local: other}]}", files)
    assert message[2] == f"trees may only contain files, directories, and symlinks: {files / 'other' / 'pipe'}"


def test_a_name_that_is_not_utf8_is_refused(files: Path) -> None:
    (files / "other" / os.fsdecode(b"\xff")).write_text("")
    (message,) = found("storage: {trees: [{local: other}]}", files)
    assert message[2].endswith("the name is not UTF-8")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("{local: none}", "none: No such file or directory"),
        ("{local: ../tree}", "local file path traverses outside the files directory"),
        ("{local: tree/b.program}", "root of tree must be a directory"),
        ("{path: /a}", "local is required"),
        ("{local: ''}", "local is required"),
    ],
)
def test_a_tree_that_cannot_be_had_is_an_error(tree: str, text: str, files: Path) -> None:
    (message,) = found(f"storage: {{trees: [{tree}]}}", files)
    assert message[:2] == ("error", "storage.trees.0")
    assert message[2].endswith(text)


def test_without_a_files_directory_there_is_no_tree() -> None:
    (message,) = found("storage: {trees: [{local: tree}]}")
    assert "must be specified with --files-dir" in message[2]


def test_the_files_directory_itself_can_be_a_tree(files: Path) -> None:
    result = ignition("storage: {trees: [{local: ., path: /t}]}", files)["storage"]["files"]
    assert [file["path"] for file in result] == ["/t/other/x", "/t/tree/b/file", "/t/tree/b.program"]


def test_a_mistake_in_the_path_of_a_tree_is_told_once(files: Path) -> None:
    assert found("storage: {trees: [{local: tree, path: t}]}", files) == [
        ("error", "storage.trees.0.path", "path not absolute")
    ]
