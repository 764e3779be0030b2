"""Reads the Kconfig files of a kernel tree far enough to explain why a symbol is not what was asked for.

kconfig itself decides; this only finds what it decided upon: where a symbol is defined, under which conditions it can
be set (its own `depends on` and those of the menus, choices and `if` around it), whether it has a prompt, and what
selects it. The language is in Documentation/kbuild/kconfig-language.rst.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distrobuild.formats import kconfig_expression
from distrobuild.formats.kconfig_expression import Expression

TYPES = ("bool", "tristate", "string", "int", "hex", "def_bool", "def_tristate")
ENDS = {"endif": "if", "endmenu": "menu", "endchoice": "choice"}
PROMPT = re.compile(r"""^(?:bool|tristate|string|int|hex|prompt)\s+(["'].*)$""")
SELECT = re.compile(r"^(?:select|imply)\s+(\w+)(?:\s+if\s+(.*))?$")
QUOTED = re.compile(r"""^(["'])(?:(?!\1).|\\.)*\1\s*(?:if\s+(.*))?$""")


@dataclass
class Definition:
    """One place where a symbol is defined; a symbol may have several.

    `path` is relative to the tree, `conditions` are the expressions that must all hold for it, `visible` those
    behind the `if` of its prompt, `choice` numbers the choice that it is a member of (of which one is chosen).
    """

    path: str
    line: int
    conditions: list[str] = field(default_factory=list)
    prompt: bool = False
    visible: str | None = None
    choice: int | None = None


@dataclass
class KconfigTree:
    """All symbols of a tree: their definitions, and the symbols that select each with the condition."""

    definitions: Mapping[str, list[Definition]]
    selectors: Mapping[str, list[tuple[str, str | None]]]

    def reason(self, symbol: str, wanted: str, config: Mapping[str, str]) -> str:
        """Why `symbol` cannot be `wanted` under the values of `config`, in one line."""
        places = self.definitions.get(symbol)
        if not places:
            return self.absence(symbol)
        if wanted in {"n", "m"} and (by := self._selected_by(symbol, config)):
            return f"selected by {', '.join(by)}"
        least = wanted if wanted == "m" else "y"
        unmet = [[*self._unmet(place, config, least)] for place in places]
        if wanted != "n" and all(unmet):
            place, conditions = min(zip(places, unmet, strict=True), key=lambda pair: len(pair[1]))
            return f"{place.path}:{place.line} needs {' and '.join(_told(each, config) for each in conditions)}"
        if self.choices(symbol):
            return f"{places[0].path}:{places[0].line} is one of a choice, and another of it was chosen"
        return f"{places[0].path}:{places[0].line} {self._fixed(symbol, places)}"

    def choices(self, symbol: str) -> set[int]:
        """The numbers of the choices that `symbol` is a member of: none or one, more if defined repeatedly."""
        return {place.choice for place in self.definitions.get(symbol, []) if place.choice is not None}

    def absence(self, symbol: str) -> str:
        """That there is no such symbol, and the one that may have been meant."""
        near = difflib.get_close_matches(symbol, self.definitions, n=1, cutoff=0.75)
        return "this tree has no such symbol" + (f"; did you mean CONFIG_{near[0]}?" if near else "")

    def _unmet(self, place: Definition, config: Mapping[str, str], wanted: str) -> Iterator[Expression]:
        texts = [*place.conditions, *([place.visible] if place.visible else [])]
        for text in dict.fromkeys(texts):
            expression = kconfig_expression.parse(text)
            if expression is not None:
                yield from kconfig_expression.unmet(expression, config, wanted)

    def _selected_by(self, symbol: str, config: Mapping[str, str]) -> list[str]:
        found = []
        for name, condition in self.selectors.get(symbol, []):
            expression = kconfig_expression.parse(condition) if condition else None
            if config.get(name, "n") != "n" and (
                expression is None or kconfig_expression.evaluate(expression, config) != "n"
            ):
                found.append(f"{name}={config[name]}")
        return list(dict.fromkeys(found))

    def _fixed(self, symbol: str, places: list[Definition]) -> str:
        if any(place.prompt for place in places):
            return "allows no such value: see its type and range"
        names = sorted({name for name, _ in self.selectors.get(symbol, [])})
        how = f"only {', '.join(names[:5])} can select it" if names else "it cannot be asked for"
        return f"has no prompt: {how}"


def _told(expression: Expression, config: Mapping[str, str]) -> str:
    values = ", ".join(f"{name}={config.get(name, 'n')}" for name in kconfig_expression.symbols(expression))
    return f"`{expression}` ({values})" if values else f"`{expression}`"


def read_tree(root: Path, architecture: str = "x86") -> KconfigTree:
    """Read every Kconfig file reachable from `root`/Kconfig for one architecture (the name below `arch/`)."""
    reader = _Reader(root, {"SRCARCH": architecture, "HEADER_ARCH": architecture})
    reader.read("Kconfig")
    return KconfigTree(reader.definitions, reader.selectors)


class _Reader:
    """Walks through the files; `scopes` are the blocks around the current line with their conditions."""

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self.root = root
        self.variables = variables
        self.definitions: dict[str, list[Definition]] = defaultdict(list)
        self.selectors: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        self.scopes: list[tuple[str, list[str]]] = []
        self.choice = 0

    def read(self, name: str) -> None:
        """Read one file and, where they stand, those it sources."""
        target: Definition | None = None  # what a `depends on` line belongs to; None: the innermost block
        symbol = ""
        for number, text in _statements(self.root / name):
            word, _, rest = text.partition(" ")
            rest = rest.strip()
            if word in {"config", "menuconfig"}:
                symbol, target = rest, self._define(name, number)
                self.definitions[symbol].append(target)
            elif word in {"if", "menu", "choice"}:
                self.scopes.append((word, [rest] if word == "if" else []))
                self.choice += word == "choice"  # choices do not nest
                target = None
            elif word in ENDS:
                if self.scopes and self.scopes[-1][0] == ENDS[word]:
                    self.scopes.pop()
                target = None
            elif word in {"source", "rsource"}:
                self._source(rest)
                target = None
            elif word == "comment":
                target = Definition(name, number)
            elif word == "depends":
                self._condition(target, rest.removeprefix("on").strip())
            elif target is not None:
                self._attribute(symbol, target, text)

    def _define(self, name: str, number: int) -> Definition:
        conditions = [condition for _, scope in self.scopes for condition in scope]
        inside = any(kind == "choice" for kind, _ in self.scopes)
        return Definition(name, number, conditions, choice=self.choice if inside else None)

    def _condition(self, target: Definition | None, text: str) -> None:
        if target is not None:
            target.conditions.append(text)
        elif self.scopes:
            self.scopes[-1][1].append(text)

    def _attribute(self, symbol: str, target: Definition, text: str) -> None:
        if match := SELECT.match(text):
            self.selectors[match[1]].append((symbol, match[2]))
        elif match := PROMPT.match(text):
            target.prompt = True
            quoted = QUOTED.match(match[1])
            target.visible = quoted[2] if quoted else None

    def _source(self, text: str) -> None:
        name = text.strip("\"'")
        for variable, value in self.variables.items():
            name = name.replace(f"$({variable})", value)
        if "$" not in name and (self.root / name).is_file():
            self.read(name)


def _statements(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, joined where they continue, without comments and help texts."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    at = 0
    while at < len(lines):
        begin, text = at, lines[at]
        at += 1
        while text.endswith("\\") and at < len(lines):
            text = text[:-1] + " " + lines[at].strip()
            at += 1
        statement = _without_comment(text).strip()
        if statement in {"help", "---help---"}:
            at = _after_help(lines, at)
        elif statement:
            yield begin + 1, re.sub(r"\s+", " ", statement)


def _without_comment(text: str) -> str:
    quote = ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            return text[:at]
    return text


def _after_help(lines: list[str], at: int) -> int:
    """Index of the first line behind a help text, which ends where the indentation falls below its first line's."""
    first: int | None = None
    while at < len(lines):
        expanded = lines[at].expandtabs(8)
        if expanded.strip():
            indentation = len(expanded) - len(expanded.lstrip())
            if first is None:
                first = indentation
            if indentation < first or first == 0:
                return at
        at += 1
    return at
