"""Text from Jinja templates: a name that is not given is an error, lines of control leave none behind."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import jinja2

from distrobuild.errors import InvalidInput, Location, Problem


def render(template: Path, facts: Mapping[str, object]) -> str:
    """The text of a template of ours with `facts`; raises `jinja2.TemplateError`, which is a bug in the template."""
    return _environment().from_string(template.read_text("utf-8")).render(facts)


def render_source(template: Path, facts: Mapping[str, object], name: Path | None = None) -> str:
    """The text of a template that somebody wrote for a project. Raises `InvalidInput` with the line of the mistake.

    Messages call the file `name`, by default its path.
    """
    shown = name or template
    try:
        return _environment().from_string(template.read_text("utf-8")).render(facts)
    except jinja2.TemplateSyntaxError as error:
        raise InvalidInput([Problem(Location(shown, error.lineno), error.message or "not a template")]) from None
    except jinja2.UndefinedError as error:
        # Jinja gives compiled templates the file name `<template>` and the lines of their source.
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        hint = f"a template may name: {', '.join(sorted(facts))}"
        place = Location(shown, (lines or [None])[-1] or 1)
        raise InvalidInput([Problem(place, error.message or "undefined", hint)]) from None


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
