"""Rules for systemd units and their drop-ins."""

from __future__ import annotations

import re

from distrobuild.formats.butane import unit_file
from distrobuild.formats.butane.fields import DROPIN, SYSTEMD, UNIT
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.section import Section
from distrobuild.manifest.suggestion import nearest

SUFFIXES = (
    "service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "snapshot", "slice",
    "scope",
)  # fmt: skip
NAMING = f"a unit is named `NAME.service`; beside `service` there are {', '.join(SUFFIXES[1:])}"
_INSTANCE = re.compile(r"(.+?)@.+?\.service")


def _unit(unit: Section, report: Report) -> None:
    name, contents = unit.text("name") or "", unit.text("contents")
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix not in SUFFIXES:
        advice = f"did you mean `{stem}.{guess}`?" if (guess := nearest(suffix, SUFFIXES)) and dot else NAMING
        report.error(unit.at("name"), "invalid systemd unit extension", advice)
    parsed = _contents(unit, report)
    if unit.flag("enabled") and contents and not parsed.problem and "Install" not in parsed.sections:
        report.warning(
            unit.at("contents"),
            f'unit "{name}" is enabled, but has no install section so enable does nothing',
            "add `[Install]` with `WantedBy=multi-user.target`",
        )


def _dropin(dropin: Section, report: Report) -> None:
    _contents(dropin, report)
    name = dropin.text("name") or ""
    if not name.endswith(".conf"):
        report.error(dropin.at("name"), "invalid systemd drop-in extension", f"name it `{name or '10-change'}.conf`")


def _contents(section: Section, report: Report) -> unit_file.UnitFile:
    parsed = unit_file.parse(section.text("contents") or "")
    if parsed.problem:
        report.error(section.at("contents"), f"invalid unit content: {parsed.problem}")
    return parsed


def _instances(systemd: Section, report: Report) -> None:
    """Enabled instances of a template that is in the config too: it is the template that says what enabling means."""
    units = {unit.text("name"): unit for unit in systemd.sections("units")}
    for unit in systemd.sections("units"):
        found = _INSTANCE.fullmatch(unit.text("name") or "")
        template = units.get(f"{found[1]}@.service") if found else None
        if template is None or not unit.flag("enabled") or not template.text("contents"):
            continue
        parsed = unit_file.parse(template.text("contents") or "")
        if not parsed.problem and "Install" not in parsed.sections:
            names = f'"{template.text("name")}" for "{unit.text("name")}"'
            report.warning(unit.at("contents"), f"template unit {names} doesn't have Install section")


RULES = {SYSTEMD: _instances, UNIT: _unit, DROPIN: _dropin}
