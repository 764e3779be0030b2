"""What fragments ask for is read strictly, merged in order, and compared with what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.formats import kconfig

PATH = Path("kernel/config/x.config")
SHIPPED = Path(__file__).parents[3] / "kernel" / "config"


def test_a_fragment_is_read_with_the_line_of_every_symbol() -> None:
    text = '# comment\nCONFIG_A=y\n\n# CONFIG_B is not set\nCONFIG_C="a \\"b\\""\nCONFIG_D=0x10\nCONFIG_E=n\n'
    settings = kconfig.parse_fragment(text, PATH)
    assert [(each.symbol, each.value, each.location.line) for each in settings] == [
        ("A", "y", 2),
        ("B", "n", 4),
        ("C", '"a \\"b\\""', 5),
        ("D", "0x10", 6),
        ("E", "n", 7),
    ]


@pytest.mark.parametrize(
    "line", ["A=y", "CONFIG_A y", "CONFIG_A=yes", "CONFIG_A=text", "CONFIG_A=", "#CONFIG_A is not set", "CONFIG_A = y"]
)
def test_a_line_that_kconfig_would_pass_over_in_silence_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        kconfig.parse_fragment(f"CONFIG_OK=y\n{line}\n", PATH)
    assert [str(problem.location) for problem in caught.value.problems] == ["kernel/config/x.config:2:1"]


def test_a_symbol_that_is_set_twice_in_one_fragment_is_refused() -> None:
    with pytest.raises(InvalidInput, match="CONFIG_A is set already in line 1"):
        kconfig.parse_fragment("CONFIG_A=y\nCONFIG_A=m\n", PATH)


def test_a_later_fragment_wins_and_takes_the_later_place() -> None:
    first = kconfig.parse_fragment("CONFIG_A=y\nCONFIG_B=y\n", Path("1"))
    second = kconfig.parse_fragment("CONFIG_A=m\n", Path("2"))
    merged = kconfig.merge([first, second])
    assert [(each.symbol, each.value, str(each.location.path)) for each in merged.values()] == [
        ("B", "y", "1"),
        ("A", "m", "2"),
    ]


def test_what_did_not_survive_is_told_with_what_it_became() -> None:
    settings = kconfig.parse_fragment("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=n\nCONFIG_D=y\n", PATH)
    config = kconfig.parse_config("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n# CONFIG_D is not set\n")
    assert [(setting.symbol, got) for setting, got in kconfig.lost(settings, config)] == [
        ("B", "y"),
        ("C", "y"),
        ("D", "n"),
    ]


def test_an_overlay_replaces_symbols_and_keeps_the_others() -> None:
    text = "# head\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n"
    assert kconfig.overlay(text, ["A", "B"], ["CONFIG_B=y"]) == "# head\nCONFIG_C=m\nCONFIG_B=y\n"


def test_a_quoted_text_is_read_back_as_it_was() -> None:
    line = kconfig.line("A", kconfig.quote('a "b" \\c'))
    (setting,) = kconfig.parse_fragment(line, PATH)
    assert setting.value == '"a \\"b\\" \\\\c"'


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.config")), ids=lambda path: path.stem)
def test_the_shipped_fragments_are_sound(path: Path) -> None:
    assert kconfig.read_fragment(path)
