"""What Butane itself checks, before anything is translated."""

from __future__ import annotations

import re
from collections.abc import Callable

from distrobuild.formats.butane.fields import DIRECTORY, DROPIN, FILE, FILESYSTEM, RESOURCE, TREE, UNIT
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.schema import Struct
from distrobuild.formats.butane.section import Section, to_ignition

SOURCES = ("local", "inline", "source")
_DECIMAL = "unreasonable mode would be reasonable if specified in octal; remember to add a leading zero"
_ORDINARY = re.compile("6*4*0*")
_EXECUTABLE = re.compile("7*5*0*")
"""Each digit allows no more than the one before it, and whoever may read may either all execute, or not at all."""


def check(config: Section, report: Report) -> None:
    """Report on every section of a config as it was written."""
    for section in config.walk():
        if rule := _RULES.get(section.struct):
            rule(section, report)
    for luks in config.section("storage").sections("luks"):
        if to_ignition(luks.section("clevis")):
            report.error(
                luks.at("clevis"),
                "clevis is not supported in this spec version",
                "variant flatcar has it from 1.2.0 on, which is experimental; here, give a `key_file`",
            )


def _resource(resource: Section, report: Report) -> None:
    given = [name for name in SOURCES if resource.text(name) is not None]
    if len(given) > 1:
        report.error(resource.at(given[-1]), "only one of the following can be set: inline, local, source")


def _contents(unit: Section, report: Report) -> None:
    if unit.text("contents") is not None and unit.text("contents_local") is not None:
        report.error(
            unit.at("contents_local"), "only one of the following can be set: contents, contents_local"
        )  # fmt: skip


def _filesystem(filesystem: Section, report: Report) -> None:
    if not filesystem.flag("with_mount_unit"):
        return
    if not filesystem.text("format"):
        report.error(filesystem.at("format"), "format is required if with_mount_unit is true")
    elif filesystem.text("format") != "swap" and not filesystem.text("path"):
        report.error(filesystem.at("path"), "path is required if with_mount_unit is true and format is not swap")


def _tree(tree: Section, report: Report) -> None:
    if not tree.text("local"):
        report.error(tree.origin, "local is required", "name a folder below the files directory")


def _mode(node: Section, report: Report) -> None:
    mode, usual = node.number("mode"), _usual_directory if node.struct is DIRECTORY else _usual_file
    if mode is None or usual(mode) or not re.fullmatch("[0-7]{1,4}", str(mode)):
        return
    if usual(int(str(mode), 8)):
        report.warning(node.at("mode"), _DECIMAL, f"write `0{mode}`")


def _usual_file(mode: int) -> bool:
    """Whether people give such a mode to files: 0644, 0750, 04755, not 01204."""
    special, digits = mode & 0o7000, f"{mode & 0o777:03o}"
    if mode == 0 or not special:
        return mode == 0 or (digits != "000" and bool(_ORDINARY.fullmatch(digits) or _EXECUTABLE.fullmatch(digits)))
    # Set-user-ID and set-group-ID belong to programs that not everybody may change; the sticky bit to no file.
    return not special & 0o1000 and digits[0] in "75" and bool(_EXECUTABLE.fullmatch(digits)) and digits[2] != "7"


def _usual_directory(mode: int) -> bool:
    """Whether people give such a mode to directories: 0755, 01777, 02770, not 0644."""
    special, digits = mode & 0o7000, f"{mode & 0o777:03o}"
    if mode == 0:
        return True
    # Who may add nothing to a directory has no use for its sticky bit or its group.
    return (
        digits[0] in "75"
        and bool(_EXECUTABLE.fullmatch(digits))
        and (not special or (special < 0o4000 and digits[0] == "7"))
    )


_RULES: dict[Struct, Callable[[Section, Report], None]] = {
    RESOURCE: _resource,
    UNIT: _contents,
    DROPIN: _contents,
    FILESYSTEM: _filesystem,
    TREE: _tree,
    FILE: _mode,
    DIRECTORY: _mode,
}
