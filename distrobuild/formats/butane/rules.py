"""Ignition's own rules for a config, by its published specifications 3.3.0 and 3.4.0.

They are checked on the translated config, and told in terms of the source. The two versions differ in their fields and
in one URL scheme only. `ignition-validate` knows the same rules; with them here, a mistake is found where it was made.
"""

from __future__ import annotations

from collections.abc import Callable

from distrobuild.formats.butane import disk_rules, node_rules, resource_rules, unit_rules
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.schema import Field, Struct, Version
from distrobuild.formats.butane.section import Entry, Section
from distrobuild.manifest.yaml_positions import KeyPath

DUPLICATE = "duplicate entry defined"


def check(config: Section, version: Version, report: Report) -> None:
    """Report on every section of a translated config."""
    for section in config.walk():
        _duplicates(section, report)
    node_rules.check_units(config, report)
    rules: dict[Struct, Callable[[Section, Report], None]] = {
        **disk_rules.RULES,
        **node_rules.RULES,
        **unit_rules.RULES,
        **resource_rules.rules(version),
    }
    for section in config.walk():
        if rule := rules.get(section.struct):
            rule(section, report)


def _duplicates(section: Section, report: Report) -> None:
    """Entries of a list that name the same thing; lists that share their names count as one."""
    seen: dict[str, dict[object, KeyPath]] = {}
    for field in section.struct.fields:
        if not field.many or field.repeats:
            continue
        names = seen.setdefault(field.shared or field.name, {})
        for name, origin in _names(section, field):
            if name in names:
                first = report.document.span(names[name]).line
                report.error(origin, DUPLICATE, f"the first one is in line {first}")
            else:
                names[name] = origin


def _names(section: Section, field: Field) -> list[tuple[object, KeyPath]]:
    entries: list[Entry] = section.entries(field.name)
    if entries:
        return [(entry.value, entry.origin) for entry in entries]
    return [(_identity(each), each.origin) for each in section.sections(field.name)]


def _identity(section: Section) -> object:
    """What tells an entry from others: the first of its naming fields that is not empty."""
    for name in section.struct.identity:
        if section.values.get(name):
            return name, section.values[name]
    return None
