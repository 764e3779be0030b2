"""Shorthand for the tests of this folder: a config from its body, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import yaml

from distrobuild.formats.butane import InvalidButane, Message, Translation, translate

Found: TypeAlias = tuple[str, str, str]
"""Severity, path and text of a message."""


def config(body: str | dict[str, Any], version: str = "1.0.0") -> bytes:
    """A config of variant `flatcar`, from YAML or from what YAML is to be made of."""
    text = body if isinstance(body, str) else yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
    return f"variant: flatcar\nversion: {version}\n{text}".encode()


def translated(body: str | dict[str, Any], files_dir: Path | None = None, version: str = "1.0.0") -> Translation:
    return translate(config(body, version), "config.bu", files_dir)


def ignition(body: str | dict[str, Any], files_dir: Path | None = None, version: str = "1.0.0") -> Any:
    """The Ignition config of a body, but for its heading."""
    result: dict[str, Any] = {**translated(body, files_dir, version).config}
    head = {name: value for name, value in result.pop("ignition").items() if name != "version"}
    return {**({"ignition": head} if head else {}), **result}


def messages(body: str | dict[str, Any], files_dir: Path | None = None, version: str = "1.0.0") -> list[Message]:
    try:
        return translated(body, files_dir, version).warnings
    except InvalidButane as error:
        return error.report.messages


def found(body: str | dict[str, Any], files_dir: Path | None = None, version: str = "1.0.0") -> list[Found]:
    return [(m.severity.value, m.dotted.removeprefix("$."), m.text) for m in messages(body, files_dir, version)]
