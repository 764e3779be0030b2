"""The difference of two records, as `why` shows it."""

from __future__ import annotations

from distrobuild.plan.key import Record
from distrobuild.plan.why import changed_stages, differences


def record(**fields: object) -> Record:
    return {"stage": "test", "inputs": {}, "options": {}, **fields}


def changes(before: Record, after: Record) -> list[str]:
    return [str(change) for change in differences(before, after)]


def test_a_field_that_is_new_and_one_that_is_gone() -> None:
    before, after = record(options={"old": 1}), record(options={"new": 2})
    assert changes(before, after) == ["options.new: added (2)", "options.old: removed (was 1)"]


def test_of_a_changed_folder_the_files_are_named() -> None:
    before = record(inputs={"tree": {"tree": "sha256:1", "files": {"a": "x", "b": "y"}}})
    after = record(inputs={"tree": {"tree": "sha256:2", "files": {"a": "x", "b": "z"}}})
    assert changes(before, after) == ["inputs.tree.b: y -> z"]


def test_one_package_more_is_one_change() -> None:
    assert changes(record(options={"packages": ["a", "c"]}), record(options={"packages": ["a", "b", "c"]})) == [
        "options.packages.b: added (listed)"
    ]


def test_a_new_version_of_a_file_is_a_change_of_that_file() -> None:
    before = record(options={"files": [{"name": "gcc_14.1_amd64.deb", "sha256": "1"}]})
    after = record(options={"files": [{"name": "gcc_14.2_amd64.deb", "sha256": "2"}]})
    assert changes(before, after) == [
        "options.files.gcc.name: gcc_14.1_amd64.deb -> gcc_14.2_amd64.deb",
        "options.files.gcc.sha256: 1 -> 2",
    ]


def test_the_stages_behind_a_change_are_named() -> None:
    before = record(inputs={"a": {"stage": "kernel", "key": "1"}, "b": {"stage": "rootfs", "key": "1"}})
    after = record(inputs={"a": {"stage": "kernel", "key": "2"}, "b": {"stage": "rootfs", "key": "1"}})
    assert changed_stages(before, after) == ["kernel"]
