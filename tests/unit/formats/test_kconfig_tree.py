"""Why a symbol is not what was asked for is read off the Kconfig files."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats import kconfig_expression
from distrobuild.formats.kconfig_tree import KconfigTree, read_tree

TOP = """\
source "arch/$(SRCARCH)/Kconfig"
config NET
	bool "Networking"
	help
	\x20\x20Text that mentions
	\x20\x20config FAKE
	\x20\x20  depends on NOTHING

if NET
source "net/Kconfig"
endif # NET

menu "Devices"
	depends on PCI || \\
		COMPILE_TEST

config SOUND
	tristate "Sound" if EXPERT
config HIDDEN
	bool
config ANY
	bool "Any"
	select HIDDEN
	select FORCED if SOUND
config FORCED
	bool "Forced"
endmenu

choice
	prompt "Speed"
config FAST
	bool "fast"
config SLOW
	bool "slow"
endchoice

config TICKS
	int "Ticks"
	range 1 10
config LARGE
	def_bool y
	depends on $(cc-option,-mlarge) && TICKS >= 5
"""
ARCH = 'config PCI\n\tbool "PCI"\n'
NET = 'config DRIVER\n\ttristate "Driver"\n\tdepends on PCI && !OLD\n\tdepends on FIRMWARE=y # why\n'


@pytest.fixture
def tree(tmp_path: Path) -> KconfigTree:
    for name, text in (("Kconfig", TOP), ("arch/x86/Kconfig", ARCH), ("net/Kconfig", NET)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return read_tree(tmp_path)


def test_symbols_of_all_sourced_files_are_found_and_none_of_a_help_text(tree: KconfigTree) -> None:
    expected = {"PCI", "NET", "DRIVER", "SOUND", "HIDDEN", "ANY", "FORCED", "FAST", "SLOW", "TICKS", "LARGE"}
    assert set(tree.definitions) == expected


@pytest.mark.parametrize(
    ("symbol", "wanted", "config", "reason"),
    [
        (
            "DRIVER",
            "m",
            {"PCI": "y", "OLD": "y", "FIRMWARE": "m"},
            "net/Kconfig:1 needs `NET` (NET=n) and `!OLD` (OLD=y) and `FIRMWARE=y` (FIRMWARE=m)",
        ),
        ("SOUND", "y", {"EXPERT": "y"}, "Kconfig:17 needs `PCI || COMPILE_TEST` (PCI=n, COMPILE_TEST=n)"),
        ("SOUND", "m", {"PCI": "y"}, "Kconfig:17 needs `EXPERT` (EXPERT=n)"),
        ("HIDDEN", "y", {"PCI": "y"}, "Kconfig:19 has no prompt: only ANY can select it"),
        ("FORCED", "n", {"PCI": "y", "ANY": "y", "SOUND": "m", "FORCED": "y"}, "selected by ANY=y"),
        ("FAST", "y", {"SLOW": "y"}, "Kconfig:31 is one of a choice, and another of it was chosen"),
        ("TICKS", "99", {"TICKS": "10"}, "Kconfig:37 allows no such value: see its type and range"),
        ("LARGE", "y", {"TICKS": "4"}, "Kconfig:40 needs `TICKS>=5` (TICKS=4)"),
        ("DRIVR", "m", {}, "this tree has no such symbol; did you mean CONFIG_DRIVER?"),
        ("ZZZ", "m", {}, "this tree has no such symbol"),
    ],
)
def test_the_reason_names_the_condition_and_the_values_in_it(
    tree: KconfigTree, symbol: str, wanted: str, config: dict[str, str], reason: str
) -> None:
    assert tree.reason(symbol, wanted, config) == reason


def test_the_members_of_a_choice_know_each_other(tree: KconfigTree) -> None:
    assert tree.choices("FAST") == tree.choices("SLOW") != set()
    assert tree.choices("TICKS") == set()


@pytest.mark.parametrize(
    ("text", "config", "value"),
    [
        ("A", {"A": "m"}, "m"),
        ("!A", {"A": "m"}, "m"),
        ("A && B", {"A": "y", "B": "m"}, "m"),
        ("A || B", {"A": "n", "B": "m"}, "m"),
        ("A || B && C", {"A": "y"}, "y"),
        ("(A || B) && C", {"A": "y"}, "n"),
        ("!(A && B)", {"A": "y"}, "y"),
        ("A=m", {"A": "m"}, "y"),
        ("A!=n", {}, "n"),
        ('S="text"', {"S": '"text"'}, "y"),
        ("N<0x10", {"N": "15"}, "y"),
        ("$(success,test -e x) && A", {"A": "y"}, "y"),
    ],
)
def test_expressions_have_the_value_that_kconfig_gives_them(text: str, config: dict[str, str], value: str) -> None:
    expression = kconfig_expression.parse(text)
    assert expression is not None
    assert kconfig_expression.evaluate(expression, config) == value


@pytest.mark.parametrize("text", ["A &&", "(A", "A B", "&& A", "A ? B", ""])
def test_what_is_no_expression_is_not_explained(text: str) -> None:
    assert kconfig_expression.parse(text) is None
