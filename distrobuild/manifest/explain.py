"""`distrobuild explain`: the documentation of any key, offline, from the models that read it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from distrobuild.manifest import keys
from distrobuild.manifest.keys import Key
from distrobuild.manifest.models import Manifest

WIDTH = 80
"""Columns of the text."""


def explain(key: str | None = None) -> str:
    """Document `key`, such as `targets.ubuntu.base` or `targets.*.base`; without one, the whole manifest.

    Raises `UnknownKey`.
    """
    root = keys.root_of(Manifest)
    if key is None:
        return "\n".join(["distro.yaml", *_paragraph(root.meaning), *_inside(root)])
    _, found = keys.resolve(root, key)
    return "\n".join([str(found), *_paragraph(found.documentation), "", *_facts(found), *_inside(found)])


def default_text(key: Key) -> str:
    """The default of a key as it would be written; empty where there is none."""
    default = key.default
    if default is None or (isinstance(default, dict) and key.children):
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _facts(key: Key) -> Iterator[str]:
    yield f"  type:     {key.type}" + (f", in one of {len(key.forms)} forms" if _has_told_forms(key) else "")
    shape = key.shape or (key.item.shape if key.item is not None else None)
    if shape:
        yield from _hanging("  form:     ", shape)
    if key.required:
        yield "  default:  none, it must be written"
    elif text := default_text(key):
        yield f"  default:  {text}"


def _has_told_forms(key: Key) -> bool:
    """Whether there is more to say of the forms of a value than their types."""
    return any(form.children for form in key.forms)


def _inside(key: Key) -> Iterator[str]:
    """The keys below, whichever way down to them leads."""
    if key.named is not None:
        yield from _inside_named(key.named)
    elif _has_told_forms(key):
        yield from _inside_forms(key)
    elif key.item is not None and key.item.children:
        yield from ("", "  keys of each item:", *_list(key.item.children.values()))
    elif key.children:
        yield from ("", "  keys:", *_list(key.children.values()))


def _inside_named(key: Key) -> Iterator[str]:
    yield from ("", "  Each name stands for:")
    yield from _paragraph(key.documentation, indent="    ")
    yield from _inside_forms(key) if key.forms else _list(key.children.values())


def _inside_forms(key: Key) -> Iterator[str]:
    for form in key.forms:
        yield from ("", f"  one form: {form.outline}", *_paragraph(form.meaning, indent="    "))
        if form.children:
            yield from _list(form.children.values())


def _list(children: Iterable[Key]) -> Iterator[str]:
    children = list(children)
    column = max((len(child.path[-1]) for child in children), default=0) + 6
    for child in children:
        needed = " (needed)" if child.required else ""
        text = f"{child.type}{needed}. {child.documentation}"
        yield from _hanging(f"    {child.path[-1]}".ljust(column), text)


def _paragraph(text: str, indent: str = "  ") -> list[str]:
    return _wrapped(text, indent, indent)


def _hanging(label: str, text: str) -> list[str]:
    return _wrapped(text, label, " " * len(label))


def _wrapped(text: str, first: str, others: str) -> list[str]:
    wrapper = textwrap.TextWrapper(WIDTH, first, others, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text)
