"""Makes a kernel's configuration out of a base and fragments, and proves that every fragment got what it asked for.

kconfig drops without a word what it cannot set. So after `olddefconfig` each symbol is compared with what was asked
for, and every difference is an error with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from distrobuild.errors import InvalidInput, Problem
from distrobuild.formats import kconfig
from distrobuild.formats.kconfig import Setting
from distrobuild.formats.kconfig_tree import KconfigTree, read_tree
from distrobuild.stages.kernel_make import Make

REQUEST = ".config.requested"
"""File in the tree with all that was asked for."""
ALL_CONFIGS = {"allnoconfig", "allyesconfig", "allmodconfig", "alldefconfig"}
"""Bases that read KCONFIG_ALLCONFIG: what no fragment names stays `n` (or `y`, `m`, the default), at any depth."""


class SymbolsLost(InvalidInput):
    """Fragments asked for symbols that the finished configuration does not have; one problem for each."""


def configure(
    make: Make, tree: Path, base: str, fragments: Sequence[Sequence[Setting]], strings: Mapping[str, str]
) -> list[Setting]:
    """Write `.config` in `tree`: `base`, the fragments in order (later wins), then the texts `strings`.

    Returns what the fragments got: the last word on every symbol, without the members of a choice that a later
    fragment decided otherwise. Raises `SymbolsLost` unless all of them have the value asked for.
    """
    requested = kconfig.merge(fragments)
    lines = [str(setting) for setting in requested.values()]
    lines += [kconfig.line(symbol, kconfig.quote(text)) for symbol, text in strings.items()]
    (tree / REQUEST).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    if base in ALL_CONFIGS:
        make("--silent", f"KCONFIG_ALLCONFIG={REQUEST}", base)
    else:
        make("--silent", base)
        config = tree / ".config"
        symbols = [*requested, *strings]
        config.write_text(kconfig.overlay(config.read_text("utf-8"), symbols, lines), "utf-8")
    make("--silent", "olddefconfig")
    return _honoured(list(requested.values()), tree)


def _honoured(requested: Sequence[Setting], tree: Path) -> list[Setting]:
    """What the finished configuration honours; raises `SymbolsLost` for the rest, and for what never existed."""
    text = (tree / ".config").read_text("utf-8")
    config = kconfig.parse_config(text)
    lost = kconfig.lost(requested, config)
    mentioned = kconfig.mentioned(text)
    unknown = [setting for setting in requested if setting.value == "n" and setting.symbol not in mentioned]
    if not lost and not unknown:
        return list(requested)
    symbols = read_tree(tree)
    outvoted = [setting for setting, _ in lost if _outvoted(setting, requested, symbols)]
    problems = [_lost(setting, got, symbols, config) for setting, got in lost if setting not in outvoted]
    problems += [
        Problem(setting.location, f"CONFIG_{setting.symbol} is forbidden, but {symbols.absence(setting.symbol)}")
        for setting in unknown
        if setting.symbol not in symbols.definitions
    ]
    if problems:
        raise SymbolsLost(sorted(problems, key=lambda problem: problem.location))
    return [setting for setting in requested if setting not in outvoted]


def _outvoted(setting: Setting, requested: Sequence[Setting], symbols: KconfigTree) -> bool:
    """Whether a later fragment chose another member of the same choice: later wins there, too."""
    choices = symbols.choices(setting.symbol)
    later = requested[requested.index(setting) + 1 :]
    return setting.value == "y" and any(
        other.value == "y" and choices & symbols.choices(other.symbol)
        for other in later
        if other.location.path != setting.location.path
    )


def _lost(setting: Setting, got: str, symbols: KconfigTree, config: Mapping[str, str]) -> Problem:
    message = f"CONFIG_{setting.symbol}: wanted {setting.value}, got {got}"
    return Problem(setting.location, message, symbols.reason(setting.symbol, setting.value, config))
