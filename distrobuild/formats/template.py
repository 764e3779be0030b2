"""Text from a Jinja template of ours: a name that is not given is an error, lines of control leave none behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jinja2


def render(template: Path, facts: Mapping[str, object]) -> str:
    """The text of `template` with `facts`; raises `jinja2.TemplateError`, which is a bug in the template."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(template.read_text("utf-8")).render(facts)
