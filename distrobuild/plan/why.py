"""Why a stage runs again: the difference of two records, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distrobuild.plan.key import Record


@dataclass(frozen=True)
class Change:
    """One field that differs. `before` or `after` is None where the field did not exist."""

    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.field}: added ({self.after})"
        if self.after is None:
            return f"{self.field}: removed (was {self.before})"
        return f"{self.field}: {self.before} -> {self.after}"


def differences(before: Record, after: Record) -> list[Change]:
    """Every field in which two records differ. Of a folder that changed, its files are named, not its digest."""
    return list(_compare("", _readable(before), _readable(after)))


def changed_stages(before: Record, after: Record) -> list[str]:
    """The stages whose output was another one: where the cause has to be looked for next."""
    names = []
    for name, value in after["inputs"].items():
        if "stage" in value and before["inputs"].get(name, {}).get("key") != value["key"]:
            names.append(value["stage"])
    return names


def _readable(record: Record) -> Record:
    shown = dict(record)
    shown["inputs"] = {
        name: value["files"] if "files" in value else {"stage": value["stage"], "key": value["key"]}
        for name, value in record["inputs"].items()
    }
    return shown


def _compare(field: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, list) and isinstance(after, list):
        before, after = _by_name(before), _by_name(after)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            inner = f"{field}.{name}" if field else str(name)
            missing = object()
            old, new = before.get(name, missing), after.get(name, missing)
            if old is missing:
                yield Change(inner, None, _short(new))
            elif new is missing:
                yield Change(inner, _short(old), None)
            elif old != new:
                yield from _compare(inner, old, new)
    elif before != after:
        yield Change(field, _short(before), _short(after))


def _by_name(values: list[Any]) -> dict[str, Any]:
    """A list as a mapping: by name where its items have one, so that one insertion is one change."""
    if all(isinstance(value, Mapping) and "name" in value for value in values):
        return {_stem(str(value["name"])): value for value in values}
    if all(isinstance(value, str) for value in values):
        return dict.fromkeys(values, "listed")
    return {str(position): value for position, value in enumerate(values)}


def _stem(name: str) -> str:
    """`gcc-14_14.2.0-19_amd64.deb` is `gcc-14` in every version."""
    return name.partition("_")[0] if name.endswith(".deb") else name


def _short(value: Any) -> str:
    text = str(value)
    if text.startswith("sha256:"):
        return text[:19] + text[71:]
    return text if len(text) <= 80 else text[:77] + "..."
