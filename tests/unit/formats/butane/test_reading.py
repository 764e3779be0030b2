"""A config is read as Butane reads it, and every mistake in it is told at its place, all of them at once."""

from __future__ import annotations

import pytest

from distrobuild.formats.butane import InvalidButane, Message, translate
from tests.unit.formats.butane.configs import found, ignition, messages


def refused(source: bytes) -> list[Message]:
    with pytest.raises(InvalidButane) as caught:
        translate(source, "config.bu")
    return caught.value.report.messages


def refusal(source: bytes) -> tuple[int, int, str]:
    (message,) = refused(source)
    return message.span.line, message.span.column, message.text


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0755", 0o755), ("0o755", 0o755), ("493", 493), ("0x1ED", 493), ("0b1", 1), ("0", 0), ("1_0", 10), ("+7", 7),
        ("!!int '0600'", 0o600),
    ],
)  # fmt: skip
def test_numbers_are_those_of_butane(written: str, value: int) -> None:
    assert ignition(f"passwd: {{groups: [{{name: a, gid: {written}}}]}}")["passwd"]["groups"][0]["gid"] == value


@pytest.mark.parametrize(
    "written", ["'0755'", "0888", "08", "7.5", "1e3", "x", "[1]", "{a: 1}", "true", "1:30", "9" * 20]
)
def test_what_is_no_number_is_refused_where_one_belongs(written: str) -> None:
    (message,) = messages(f"passwd: {{groups: [{{name: a, gid: {written}}}]}}")
    assert (message.severity, message.dotted, message.span.column) == ("error", "$.passwd.groups.0.gid", 34)


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("FALSE", False), ("yes", True), ("'on'", True), ("n", False), ("Off", False)],
)
def test_flags_are_those_of_butane(written: str, value: bool) -> None:
    assert ignition(f"passwd: {{groups: [{{name: a, system: {written}}}]}}")["passwd"]["groups"][0]["system"] is value


@pytest.mark.parametrize("written", ["'true'", "1", "maybe", "[]"])
def test_what_is_no_flag_is_refused_where_one_belongs(written: str) -> None:
    (message,) = messages(f"passwd: {{groups: [{{name: a, system: {written}}}]}}")
    assert message.text.startswith("true or false belongs here, not ")


@pytest.mark.parametrize("written", ["0755", "no", "1.10", "2026-01-01", "22:30", "1_000", "0x10", "<"])
def test_where_a_text_belongs_it_stays_as_it_was_written(written: str) -> None:
    assert ignition(f"passwd: {{users: [{{name: {written}}}]}}")["passwd"]["users"] == [{"name": written}]


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_nothing_is_as_if_the_key_was_not_written(nothing: str) -> None:
    assert ignition(f"storage:\n  files: {nothing}\npasswd:\n  users:\n    - name: a\n      shell: {nothing}\n") == {
        "passwd": {"users": [{"name": "a"}]}
    }


def test_an_empty_text_is_something() -> None:
    assert ignition("passwd: {users: [{name: a, shell: ''}]}")["passwd"]["users"] == [{"name": "a", "shell": ""}]


def test_empty_mappings_and_lists_are_left_out() -> None:
    assert ignition(
        "storage: {files: [{path: /a, contents: {verification: {}}, append: []}], disks: []}\nsystemd: {}"
    ) == {"storage": {"files": [{"path": "/a"}]}}


def test_an_empty_item_of_a_list_is_left_out_with_a_warning() -> None:
    assert found("kernel_arguments:\n  should_exist:\n    - a\n    -\n") == [
        ("warning", "kernel_arguments.should_exist.1", "nothing stands in this item of the list; it is left out")
    ]
    assert ignition("kernel_arguments: {should_exist: [a, ~, b]}") == {"kernelArguments": {"shouldExist": ["a", "b"]}}


def test_anchors_and_merge_keys_are_followed() -> None:
    body = "storage:\n  files:\n    - &a {path: /a, mode: 0600}\n    - {<<: *a, path: /b}\n    - {<<: [*a], path: /c}\n"
    assert [(file["path"], file["mode"]) for file in ignition(body)["storage"]["files"]] == [
        ("/a", 0o600), ("/b", 0o600), ("/c", 0o600),
    ]  # fmt: skip


def test_a_message_about_a_merged_value_points_at_where_it_is_written() -> None:
    (message,) = messages("storage:\n  files:\n    - {<<: &a {path: a}}\n")
    assert (message.span.line, message.span.column, message.text) == (5, 22, "path not absolute")


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one() -> None:
    (message,) = messages("storage:\n  filesystem: []\n")
    assert (message.severity, message.dotted) == ("warning", "$.storage.filesystem")
    assert (message.span.line, message.span.column, message.span.width) == (4, 3, len("filesystem"))
    assert message.hint == "did you mean `filesystems`?"


def test_a_key_of_a_later_version_is_unknown_and_the_hint_names_the_version() -> None:
    body = "storage: {luks: [{name: a, device: /dev/a, discard: true}]}"
    (message,) = messages(body)
    assert (message.text, message.hint) == ("unused key discard", "`discard` needs `version: 1.1.0`")
    assert "discard" not in ignition(body)["storage"]["luks"][0]
    assert ignition(body, version="1.1.0")["storage"]["luks"][0]["discard"] is True


def test_keys_that_no_version_knows_yet_are_not_proposed() -> None:
    (message,) = messages("storage: {luks: [{name: a, device: /dev/a, discrd: true}]}")
    assert message.hint is not None
    assert "discard" not in message.hint


def test_a_key_that_stands_twice_is_an_error() -> None:
    (message,) = messages("storage:\n  files:\n    - path: /a\n      path: /b\n")
    assert (message.severity, message.span.line, message.span.column) == ("error", 6, 7)
    assert message.text == "key `path` stands twice; the first one is in line 5"


def test_a_key_that_stands_twice_hides_no_other_mistake() -> None:
    body = "storage:\n  files:\n    - path: a\n      path: /b\n"
    assert [message.span.line for message in messages(body)] == [5, 6]


def test_all_mistakes_of_all_kinds_are_told_at_once_in_the_order_of_the_text() -> None:
    body = """\
storage:
  files:
    - {path: a}
    - {path: /b, mode: rwx}
    - {path: /c, contents: {inline: x, source: y}}
    - {path: /c, overwrite: true}
    - {path: /d, contents: {local: d}}
  luks:
    - {name: l, device: /dev/l, clevis: {tpm2: true}}
systemd:
  units:
    - {name: a.servce}
    - {nme: b.service}
"""
    assert [(message.span.line, message.dotted) for message in messages(body)] == [
        (5, "$.storage.files.0.path"),
        (6, "$.storage.files.1.mode"),
        (7, "$.storage.files.2.contents.source"),
        (8, "$.storage.files.3"),
        (8, "$.storage.files.3.overwrite"),
        (9, "$.storage.files.4.contents.local"),
        (11, "$.storage.luks.0.clevis"),
        (14, "$.systemd.units.0.name"),
        (15, "$.systemd.units.1.name"),
        (15, "$.systemd.units.1.nme"),
    ]


def test_a_value_that_cannot_be_read_has_no_other_mistake() -> None:
    assert [message.dotted for message in messages("storage: {files: [{path: [/a], mode: x}]}")] == [
        "$.storage.files.0.path",
        "$.storage.files.0.mode",
    ]


@pytest.mark.parametrize(
    "wrong", ["storage: []", "storage: {files: {}}", "storage: {files: [a]}", "storage: x", "passwd: 3"]
)
def test_a_value_of_another_shape_is_an_error(wrong: str) -> None:
    (message,) = messages(wrong)
    assert message.severity == "error"
    assert " belongs here, not " in message.text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"", (1, 1, "error parsing variant; must be specified")),
        (b"# nothing\n", (1, 1, "error parsing variant; must be specified")),
        (b"version: 1.0.0\n", (1, 1, "error parsing variant; must be specified")),
        (b"variant: flatcar\n", (1, 1, "error parsing version; must be a valid semver")),
        (b"variant: flatcar\nversion: 1.0\n", (2, 10, "error parsing version; must be a valid semver")),
        (b"variant: fcos\nversion: 1.0.0\n", (1, 10, "no translator exists for variant fcos with version 1.0.0")),
        (
            b"variant: flatcar\nversion: 1.2.0-experimental\n",
            (2, 10, "no translator exists for variant flatcar with version 1.2.0-experimental"),
        ),
        (
            b"variant: flatcar\nversion: 1.0.0-beta\n",
            (2, 10, "no translator exists for variant flatcar with version 1.0.0-beta"),
        ),
        (
            b"variant: flatcar\nversion: 1.1.0+build\n",
            (2, 10, "no translator exists for variant flatcar with version 1.1.0+build"),
        ),
        (b"- a\n", (1, 1, "a mapping belongs here, not a list")),
        (b"a: b: c\n", (1, 5, "not valid YAML: `:` is not expected here")),
        (b"a: 1\n---\nb: 2\n", (2, 1, "not valid YAML: a second document begins here")),
        (b"a: \xff\n", (1, 4, "this byte is not UTF-8")),
        (b"a:\n  b: \x00\n", (2, 6, "the character U+0000 is not allowed in YAML")),
        (b'a: "\\U00110000"\n', (1, 5, "there is no such character")),
        (b"- " * 2000, (1, 1, "lists and mappings are nested too deeply")),
    ],
)
def test_what_is_no_config_is_refused_at_its_place(source: bytes, expected: tuple[int, int, str]) -> None:
    assert refused(source)[0].severity == "error"
    first = refused(source)[0]
    assert (first.span.line, first.span.column, first.text) == expected


def test_variant_and_version_are_both_missed_at_once() -> None:
    assert [message.dotted for message in refused(b"passwd: {}\n")] == ["$.variant", "$.version"]


def test_an_unknown_version_says_which_are_known_and_nothing_of_the_rest() -> None:
    (message,) = refused(b"variant: flatcar\nversion: 3.0.0\nstorge: {}\n")
    assert message.hint == "supported: variant `flatcar`, version 1.0.0 or 1.1.0"


def test_a_character_that_does_not_exist_is_refused() -> None:
    (message,) = messages('passwd: {users: [{name: "\\ud800"}]}')
    assert message.text == "the text has a character that does not exist"


def test_binary_is_refused_with_a_way_out() -> None:
    (message,) = messages("storage: {files: [{path: /a, contents: {inline: !!binary YQ==}}]}")
    assert message.hint == "put the bytes in a file, and name it by `local`"


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    source = "\ufeffvariant: flatcar\r\nversion: 1.0.0\r\npasswd:\r\n  users:\r\n    - {name: a, x: 1}\r\n".encode()
    (warning,) = translate(source, "config.bu").warnings
    assert (warning.span.line, warning.span.column) == (5, 17)


def test_merge_keys_that_lead_back_to_themselves_end() -> None:
    assert found("storage: &a\n  <<: *a\n  files: []\n") == []


def test_the_error_names_every_problem_as_an_editor_wants_it() -> None:
    with pytest.raises(InvalidButane) as caught:
        translate(b"variant: flatcar\nversion: 1.0.0\nstorage: {files: [{path: a}, {path: b}]}\n", "x/config.bu")
    assert str(caught.value) == (
        "x/config.bu:3:26: path not absolute\n  hint: write `/a`\n"
        "x/config.bu:3:37: path not absolute\n  hint: write `/b`"
    )
