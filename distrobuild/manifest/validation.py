"""From a YAML tree to a model, or to every problem of the tree in the user's words.

Works for any pydantic model that forbids unknown keys: the manifest and `package.yaml` are read through it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from distrobuild.errors import Problem
from distrobuild.manifest import keys, suggestion
from distrobuild.manifest.keys import Key
from distrobuild.manifest.values import MEANINGS
from distrobuild.manifest.yaml_positions import (
    KeyPath,
    YamlMapping,
    YamlNode,
    YamlScalar,
    find,
    key_location,
    kind_of,
    quoting_hint,
    value_location,
)

M = TypeVar("M", bound=BaseModel)

TYPE_ERRORS = ("_type", "_parsing", "_from_float", "_attributes_type")
"""Endings of pydantic's error names that mean: a value of another kind is wanted."""


def validate(model: type[M], root: YamlNode) -> tuple[M | None, list[Problem]]:
    """The model that `root` describes and no problem, or None and every problem in it."""
    try:
        # Strict mode takes no "2048" for 2048; through JSON it still takes lists for tuples and texts for enums.
        return model.model_validate_json(json.dumps(root.plain()), strict=True), []
    except ValidationError as error:
        mistakes = [_mistake(keys.root_of(model), root, detail) for detail in error.errors(include_url=False)]
        return None, [mistake.problem() for mistake in _without_echoes(_without_other_forms(mistakes))]


@dataclass(frozen=True)
class Mistake:
    """One error of pydantic's, beside the value it speaks of and the key that the model has there."""

    kind: str
    path: KeyPath
    form: str | None
    model: Key
    key: Key | None
    root: YamlNode
    node: YamlNode | None
    context: dict[str, Any]
    message: str

    @property
    def is_wrong_type(self) -> bool:
        """Whether a value of another kind is wanted."""
        return self.kind.endswith(TYPE_ERRORS)

    @property
    def name(self) -> str:
        """The key, as a user would write it."""
        return keys.dotted(self.path)

    @property
    def text(self) -> str:
        """The value as it was written."""
        return self.node.text if isinstance(self.node, YamlScalar) else kind_of(self.node)

    @property
    def _elsewhere(self) -> list[str]:
        """Where the last word of the path is a key indeed: that is meant sooner than a word that looks like it."""
        return [str(key) for key in keys.walk(self.model) if key.path[-1] == self.path[-1]]

    @property
    def suggestion(self) -> str | None:
        """The key that was probably meant by an unknown one."""
        if self.kind != "extra_forbidden" or self.key is None or self._elsewhere:
            return None
        return suggestion.nearest(str(self.path[-1]), self.key.children)

    def problem(self) -> Problem:
        """The mistake in the user's words, at its place."""
        write = _WRITERS.get(self.kind)
        if write is None:
            write = Mistake._wrong_type if self.is_wrong_type else Mistake._out_of_range
        return write(self)

    def _unknown_key(self) -> Problem:
        word = str(self.path[-1])
        inside = f" in `{keys.dotted(self.path[:-1])}`" if len(self.path) > 1 else ""
        if self._elsewhere:
            hint = f"there is {suggestion.quoted(self._elsewhere, last=' and ')}"
        else:
            hint = suggestion.hint(word, self.key.children if self.key else (), otherwise="the keys there are")
        return Problem(key_location(self.root, self.path), f"unknown key `{word}`{inside}", hint)

    def _missing(self) -> Problem:
        hint = self.key.documentation or None if self.key is not None else None
        return Problem(key_location(self.root, self.path), f"`{self.name}` is missing", hint)

    def _no_form(self) -> Problem:
        """None of the keys that tell the forms of a value apart is there, or those of two forms are."""
        if self.key is not None and isinstance(self.node, YamlScalar) and isinstance(self.node.value, str):
            return self._no_word(self.key)
        if self.key is None or not isinstance(self.node, YamlMapping):
            return self._wrong_type()
        telling = [name for form in self.key.forms for name in _telling(form)]
        location = value_location(self.root, self.path)
        present = [name for name in telling if name in self.node.entries]
        if present:
            message = f"`{self.name}` takes only one of {suggestion.quoted(present, last=' and ')}"
            places = [f"`{name}` stands at {self.node.keys[name]}" for name in present]
            return Problem(location, message, "; ".join(places) + "; keep one (null removes that of an earlier file)")
        for word in self.node.entries:
            if guess := suggestion.nearest(word, telling):
                message = f"unknown key `{word}` in `{self.name}`"
                return Problem(self.node.keys[word], message, f"did you mean `{guess}`?")
        forms = [form.outline for form in self.key.forms]
        message = f"`{self.name}` needs one of {suggestion.quoted(telling, last=' or ')}"
        return Problem(location, message, "write " + " or ".join(forms))

    def _no_word(self, key: Key) -> Problem:
        """A word where words and mappings can stand, but another one."""
        words = [form.outline for form in key.forms if "const" in form.value]
        if not words:
            return self._wrong_type()
        guess = suggestion.nearest(self.text, words)
        forms = " or ".join(form.outline for form in key.forms)
        return self._at_value(
            f"`{self.name}` cannot be `{self.text}`", f"did you mean `{guess}`?" if guess else f"write {forms}"
        )

    def _not_one_of(self) -> Problem:
        schema = self.key.value if self.key is not None else {}
        wanted = [str(value) for value in schema.get("enum", [schema.get("const")])]
        if not isinstance(self.node, YamlScalar) or not isinstance(self.node.value, str):
            return self._wrong_type()
        return self._at_value(
            f"`{self.name}` cannot be `{self.text}`", suggestion.hint(self.text, wanted, otherwise="it can be")
        )

    def _other_pattern(self) -> Problem:
        what, shape = MEANINGS.get(self.context["pattern"], ("", f"it must match {self.context['pattern']}"))
        if self.path[-1:] == (KEY,):
            location = key_location(self.root, self.path[:-1])
            return Problem(location, f"`{self.path[-2]}` is not {what or 'a right key'}", shape)
        return self._at_value(f"`{self.name}`: `{self.text}` is not {what or 'right'}", shape)

    def _wrong_type(self) -> Problem:
        key = keys.lookup(self.model, self.path) or self.key
        wanted = key.type if key is not None else "something else"
        message = f"`{self.name}` must be {wanted}, not {self._found()}" if self.path else f"{wanted} is expected"
        hint = None
        if isinstance(self.node, YamlScalar) and self.node.value is not None:
            if self.kind in {"string_type", "enum", "literal_error"}:
                message = f"`{self.name}` must be {wanted}, but YAML reads `{self.text}` as {kind_of(self.node)}"
                hint = quoting_hint(self.text)
            elif key is not None and key.item is not None:
                hint = f"write [{self.text}]"
            elif _unquoted(self.node) and self.kind != "model_type":
                hint = "write it without quotes"
        elif self.node is None or isinstance(self.node, YamlScalar):
            hint = "write a value after the colon, or leave the key out"
        return self._at_value(message, hint)

    def _found(self) -> str:
        """What stands there instead of a value of the right kind."""
        return self.text if self.kind.startswith("int_") and kind_of(self.node) == "a number" else kind_of(self.node)

    def _out_of_range(self) -> Problem:
        if self.key is not None and self.key.value.get("type") in {"integer", "number"}:
            return self._at_value(f"`{self.name}` must be {self.key.type}, not {self.text}")
        return self._at_value(f"`{self.name}`: {self.message[:1].lower()}{self.message[1:]}")

    def _too_short(self) -> Problem:
        return self._at_value(f"`{self.name}` is empty", "name at least one, or leave out what it belongs to")

    def _at_value(self, message: str, hint: str | None = None) -> Problem:
        return Problem(value_location(self.root, self.path), message, hint)

    def _broken_rule(self) -> Problem:
        return self._at_value(str(self.context["error"]))


_WRITERS: dict[str, Callable[[Mistake], Problem]] = {
    "extra_forbidden": Mistake._unknown_key,
    "missing": Mistake._missing,
    "union_tag_not_found": Mistake._no_form,
    "union_tag_invalid": Mistake._no_form,
    "enum": Mistake._not_one_of,
    "literal_error": Mistake._not_one_of,
    "string_pattern_mismatch": Mistake._other_pattern,
    "value_error": Mistake._broken_rule,
    "too_short": Mistake._too_short,
}

KEY = "[key]"
"""What pydantic appends to the path of a key that is itself wrong."""


def _mistake(model: Key, root: YamlNode, detail: ErrorDetails) -> Mistake:
    """Read pydantic's path, in which names of union members stand between the keys."""
    key: Key | None = model
    path: list[str | int] = []
    form: str | None = None
    kind = detail["type"]
    for number, step in enumerate(detail["loc"]):
        is_last = number == len(detail["loc"]) - 1
        if key is not None and key.forms and (chosen := _form(key, step)) is not None:
            form, key = str(step), chosen
            continue
        path.append(step)
        if (is_last and kind == "extra_forbidden") or step == KEY:
            continue
        key = keys.lookup(key, (step,)) if key is not None else None
    node = find(root, tuple(path))
    return Mistake(kind, tuple(path), form, model, key, root, node, detail.get("ctx", {}), detail["msg"])


def _telling(form: Key) -> list[str]:
    """The key by which the form of a mapping is known; none for a form that is a word."""
    return [name for name, child in form.children.items() if child.required][:1]


def _form(key: Key, step: str | int) -> Key | None:
    """The form that a union member's name in a path stands for; None for an ordinary key."""
    for form in key.forms:
        if step in (form.value.get("title"), form.value.get("const")):
            return form
    if isinstance(step, str) and step.startswith("dict["):
        return next((form for form in key.forms if form.named is not None), None)
    if isinstance(step, str) and step.startswith("tuple["):
        return next((form for form in key.forms if form.item is not None), None)
    if step in {"str", "constrained-str"} or (isinstance(step, str) and step.endswith("str]")):
        return next((form for form in key.forms if form.value.get("type") == "string"), None)
    return None


def _without_other_forms(mistakes: list[Mistake]) -> list[Mistake]:
    """Where a value has several forms, drop what only says that it is not written in the other forms."""
    kept: list[Mistake] = []
    for mistake in mistakes:
        rivals = [each for each in mistakes if each.form and each.path[: len(mistake.path)] == mistake.path]
        if mistake.form and mistake.is_wrong_type:
            if any(not each.is_wrong_type or each.path != mistake.path for each in rivals):
                continue
            if any(each.is_wrong_type and each.path == mistake.path for each in kept):
                continue
        kept.append(mistake)
    return kept


def _without_echoes(mistakes: list[Mistake]) -> list[Mistake]:
    """Drop what only follows from another mistake: one mistake, one problem.

    That is a missing key that an unknown one beside it was probably meant to be, and a list that is too short because
    what is wrong in it did not count.
    """
    meant = {(*mistake.path[:-1], mistake.suggestion) for mistake in mistakes if mistake.suggestion is not None}
    lists = {mistake.path[:-1] for mistake in mistakes if mistake.path and isinstance(mistake.path[-1], int)}
    echoes = {"missing": meant, "too_short": lists}
    return [mistake for mistake in mistakes if mistake.path not in echoes.get(mistake.kind, ())]


def _unquoted(node: YamlScalar) -> bool:
    """Whether a text would be a number or a boolean without its quotes."""
    words = {"true", "false", "yes", "no", "on", "off"}
    return isinstance(node.value, str) and (node.value.lower() in words or node.value.replace(".", "", 1).isdigit())
