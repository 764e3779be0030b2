"""Expressions of Kconfig (`NET && (PCI || !EXPERT)`): parsed, evaluated, and reduced to the part that is not met.

The language is in Documentation/kbuild/kconfig-language.rst, "Menu dependencies". Values are `n`, `m`, `y` with
`&&` the least and `||` the greatest of both; comparisons give `y` or `n`. What a macro (`$(cc-option,...)`) gives
is known to kconfig only: it counts as met here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

TOKEN = re.compile(r'\s*(&&|\|\||!=|<=|>=|[=<>!()]|"(?:[^"\\]|\\.)*"|\'[^\']*\'|\$\((?:[^()]|\([^()]*\))*\)|[\w./-]+)')
ORDER = {"n": 0, "m": 1, "y": 2}
COMPARISONS: Mapping[str, Callable[[bool, bool], bool]] = {
    "=": lambda less, greater: not less and not greater,
    "!=": lambda less, greater: less or greater,
    "<": lambda less, greater: less,
    ">": lambda less, greater: greater,
    "<=": lambda less, greater: not greater,
    ">=": lambda less, greater: not less,
}


@dataclass(frozen=True)
class Symbol:
    """A symbol, a constant (`y`), a quoted string or a macro."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Not:
    """`!inner`."""

    inner: Expression

    def __str__(self) -> str:
        return f"!({self.inner})" if isinstance(self.inner, Both | Either) else f"!{self.inner}"


@dataclass(frozen=True)
class Compare:
    """`left OPERATOR right`."""

    left: Symbol
    operator: str
    right: Symbol

    def __str__(self) -> str:
        return f"{self.left}{self.operator}{self.right}"


@dataclass(frozen=True)
class Both:
    """`a && b && ...`."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " && ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Either:
    """`a || b || ...`."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " || ".join(str(part) for part in self.parts)


Expression: TypeAlias = Symbol | Not | Compare | Both | Either


def parse(text: str) -> Expression | None:
    """The expression in `text`; None if it is none (new syntax): the caller then has nothing to explain."""
    tokens = []
    at = 0
    while match := TOKEN.match(text, at):
        tokens.append(match[1])
        at = match.end()
    if text[at:].strip():
        return None
    try:
        expression, rest = _either(tokens)
    except (IndexError, ValueError):
        return None
    return None if rest else expression


def _either(tokens: list[str]) -> tuple[Expression, list[str]]:
    parts, tokens = _chain(tokens, "||", _both)
    return (parts[0] if len(parts) == 1 else Either(tuple(parts))), tokens


def _both(tokens: list[str]) -> tuple[Expression, list[str]]:
    parts, tokens = _chain(tokens, "&&", _single)
    return (parts[0] if len(parts) == 1 else Both(tuple(parts))), tokens


def _chain(
    tokens: list[str], operator: str, inner: Callable[[list[str]], tuple[Expression, list[str]]]
) -> tuple[list[Expression], list[str]]:
    part, tokens = inner(tokens)
    parts = [part]
    while tokens and tokens[0] == operator:
        part, tokens = inner(tokens[1:])
        parts.append(part)
    return parts, tokens


def _single(tokens: list[str]) -> tuple[Expression, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head == "!":
        inner, rest = _single(rest)
        return Not(inner), rest
    if head == "(":
        expression, rest = _either(rest)
        if rest[0] != ")":
            raise ValueError(rest[0])
        return expression, rest[1:]
    if head in COMPARISONS or head in {")", "&&", "||"}:
        raise ValueError(head)
    if rest and rest[0] in COMPARISONS:
        return Compare(Symbol(head), rest[0], Symbol(rest[1])), rest[2:]
    return Symbol(head), rest


def evaluate(expression: Expression, config: Mapping[str, str]) -> str:
    """`n`, `m` or `y` under the values of `config` (a symbol that it lacks is `n`)."""
    match expression:
        case Symbol(name):
            value = _value(name, config)
            return value if value in ORDER else "y" if name.startswith("$") else "n"
        case Not(inner):
            return {"n": "y", "m": "m", "y": "n"}[evaluate(inner, config)]
        case Compare(left, operator, right):
            one, other = _comparable(_value(left.name, config)), _comparable(_value(right.name, config))
            return "y" if COMPARISONS[operator](one < other, one > other) else "n"
        case Both(parts):
            return min((evaluate(part, config) for part in parts), key=ORDER.__getitem__)
        case Either(parts):
            return max((evaluate(part, config) for part in parts), key=ORDER.__getitem__)


def unmet(expression: Expression, config: Mapping[str, str], wanted: str) -> list[Expression]:
    """The smallest conditions of a conjunction that hold a symbol below `wanted` (`y` or `m`)."""
    if ORDER[evaluate(expression, config)] >= ORDER[wanted]:
        return []
    if isinstance(expression, Both):
        return [condition for part in expression.parts for condition in unmet(part, config, wanted)]
    return [expression]


def symbols(expression: Expression) -> list[str]:
    """The symbols in an expression, in order, each once; constants and macros are none."""
    match expression:
        case Symbol(name):
            names = [name] if re.fullmatch(r"[A-Z0-9a-z_]*[A-Z_][A-Z0-9a-z_]*", name) else []
        case Not(inner):
            names = symbols(inner)
        case Compare(left, _, right):
            names = symbols(left) + symbols(right)
        case Both(parts) | Either(parts):
            names = [name for part in parts for name in symbols(part)]
    return list(dict.fromkeys(names))


def _value(name: str, config: Mapping[str, str]) -> str:
    return name if name in ORDER or not re.fullmatch(r"\w+", name) or name.isdigit() else config.get(name, "n")


def _comparable(value: str) -> tuple[int, int, str]:
    """Numbers compare as numbers, everything else as text."""
    text = value.strip("\"'")
    try:
        return 0, int(text, 0), ""
    except ValueError:
        return 1, 0, text
