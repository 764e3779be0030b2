"""A message shows the place it is about."""

from __future__ import annotations

from distrobuild.formats.butane import InvalidButane, render, translate
from distrobuild.formats.butane.excerpt import WIDTH
from distrobuild.formats.butane.source import Document
from tests.unit.formats.butane.configs import config


def rendered(source: bytes) -> list[str]:
    try:
        translation = translate(source, "config.bu")
        document, messages = translation.document, translation.warnings
    except InvalidButane as error:
        document, messages = error.report.document, error.report.messages
    return [render(message, document) for message in messages]


def marked(text: str) -> list[str]:
    """The line in question, and the marks below it."""
    lines = text.splitlines()
    mark = next(number for number, line in enumerate(lines) if "^" in line)
    return lines[mark - 1 : mark + 1]


def test_the_lines_around_the_place_are_shown_with_a_mark_and_a_hint() -> None:
    (text,) = rendered(config("storage:\n  files:\n    - {path: a, mode: 0644}\n    - {path: /b}\n    - {path: /c}\n"))
    assert (
        text
        == """\
error[$.storage.files.0.path]: path not absolute
  --> config.bu:5:14
   |
 3 | storage:
 4 |   files:
 5 |     - {path: a, mode: 0644}
   |              ^
 6 |     - {path: /b}
   = hint: write `/a`"""
    )


def test_what_goes_on_for_several_lines_is_marked_in_its_first() -> None:
    (text,) = rendered(config("passwd:\n  users:\n    - name: a\n    - name: a  \n      uid: 1\n"))
    assert "\n 6 |     - name: a\n   |       ^^^^^^^\n 7 |       uid: 1\n" in text


def test_an_unknown_key_is_marked_and_not_its_value() -> None:
    (text,) = rendered(config("storage: {file: []}\n"))
    assert text.splitlines()[-2:] == ["   |           ^^^^", "   = hint: did you mean `files`?"]


def test_numbers_of_lines_stand_below_each_other() -> None:
    (text,) = rendered(config("passwd:\n  users:\n" + "    #\n" * 4 + "    - {name: a, x: 1}\n    #\n"))
    assert "\n  8 |     #\n  9 |     - {name: a, x: 1}\n    |                 ^\n 10 |     #\n    = hint" in text


def test_a_mark_stands_below_its_place_behind_a_tab() -> None:
    (text,) = rendered(config('passwd: {users: [{name: "\t", x: 1}]}\n'))
    assert marked(text) == [' 3 | passwd: {users: [{name: "\t", x: 1}]}', "   |                          \t   ^"]


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    (text,) = rendered(
        config(f"storage: {{files: [{{path: /{'x' * 500}, mode: 010000, group: {{name: {'y' * 500}}}}}]}}\n")
    )
    line, mark = marked(text)
    assert line.startswith(" 3 | ...xxx")
    assert line.endswith("yyy...")
    assert len(line) <= WIDTH + len(" 3 | ......")
    assert line[mark.index("^") : mark.rindex("^") + 1] == "010000"


def test_the_mark_of_a_long_value_ends_with_what_is_shown() -> None:
    (text,) = rendered(config(f"storage: {{files: [{{path: {'x' * 500}}}]}}\n"))
    line, mark = marked(text)
    assert line.endswith("x...")
    assert mark.rindex("^") == line.rindex("x")
    assert mark.count("^") == line.count("x")


def test_a_message_about_nothing_written_points_at_the_beginning() -> None:
    text, _ = rendered(b"")
    assert text.splitlines()[:2] == [
        "error[$.variant]: error parsing variant; must be specified",
        "  --> config.bu:1:1",
    ]


def test_a_place_behind_the_end_of_a_line_is_marked_there() -> None:
    assert rendered(b"variant: flatcar\nversion:\n")[0].count("^") >= 1


def test_colours_are_put_on_the_parts() -> None:
    translation = translate(config("storge: {}\n"), "config.bu")
    text = render(translation.warnings[0], translation.document, lambda text, role: f"<{role}>{text}</{role}>")
    assert "<warning>warning[$.storge]</warning>: unused key storge" in text
    assert "<mark>^^^^^^</mark>" in text


def test_every_break_that_yaml_knows_ends_a_line() -> None:
    assert Document("", "a\r\nb\rc\nd\u2028e\x85f", None).lines == ["a", "b", "c", "d", "e", "f"]
