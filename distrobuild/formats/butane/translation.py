"""Butane to Ignition, from the bytes of the one to the text of the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from distrobuild.formats import ignition
from distrobuild.formats.butane import mount_units, resources, rules, source_rules, trees
from distrobuild.formats.butane.fields import DROPIN, HEADING, IGNITION, RESOURCE, ROOT, UNIT, USER, VARIANT
from distrobuild.formats.butane.local_files import LocalFileError, LocalFiles
from distrobuild.formats.butane.reader import read
from distrobuild.formats.butane.report import InvalidButane, Message, Report
from distrobuild.formats.butane.schema import FIRST, Version
from distrobuild.formats.butane.section import Entry, Section, to_ignition
from distrobuild.formats.butane.source import Document, Span, parse
from distrobuild.formats.ignition import Json

_SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.\-]+)?(\+[0-9A-Za-z.\-]+)?")
_LINE = re.compile("\r?\n")
VERSIONS = {".".join(map(str, version)): version for version in IGNITION}
SUPPORTED = f"supported: variant `{VARIANT}`, version {' or '.join(VERSIONS)}"


@dataclass(frozen=True)
class Translation:
    """An Ignition config, and the warnings that came with it."""

    config: dict[str, Json]
    document: Document
    warnings: list[Message]

    def text(self, *, pretty: bool = False) -> str:
        """The config as JSON, as Butane writes it; without a line break at its end."""
        return ignition.to_text(self.config, pretty=pretty)


def translate(source: bytes, name: str, files_dir: Path | None = None) -> Translation:
    """The Ignition config that the Butane config `source` describes.

    `name` stands for it in messages; what it names by `local` is read below `files_dir`. Raises InvalidButane, with
    all that is wrong at once.
    """
    document = parse(source, name)
    report = Report(document)
    try:
        config, version = _read(document, report)
        _embed(config, LocalFiles(files_dir), report)
        report.settle()
        rules.check(config, version, report)
    except RecursionError:
        report.error((), "lists and mappings are nested too deeply")
    if report.errors:
        raise InvalidButane(report)
    return Translation(_ignition(config, version), document, report.messages)


def _read(document: Document, report: Report) -> tuple[Section, Version]:
    """The config as it was written, and its version. Raises InvalidButane where it has none that is supported."""
    for problem in document.problems:
        place = Span(problem.location.line, problem.location.column)
        report.error((), problem.message, problem.hint, span=place)
    if report.errors:
        raise InvalidButane(report)
    # Which keys there are depends on the version; of a config without one, nothing else can be said.
    heading = Report(document)
    version = _version(read(document, HEADING, FIRST, heading), heading)
    if version is None:
        report.adopt(heading.errors)
        raise InvalidButane(report)
    config = read(document, ROOT, version, report)
    source_rules.check(config, report)
    return config, version


def _version(config: Section, report: Report) -> Version | None:
    """The version of the config; None and errors where there is no translator for it."""
    if report.errors:
        return None
    variant, version = config.text("variant") or "", config.text("version") or ""
    if not variant:
        report.error(("variant",), "error parsing variant; must be specified", f"begin with `variant: {VARIANT}`")
    if not _SEMVER.fullmatch(version):
        report.error(("version",), "error parsing version; must be a valid semver", SUPPORTED)
    if report.errors:
        return None
    if variant == VARIANT and version in VERSIONS:
        return VERSIONS[version]
    wrong = "variant" if variant != VARIANT else "version"
    report.error((wrong,), f"no translator exists for variant {variant} with version {version}", SUPPORTED)
    return None


def _embed(config: Section, local_files: LocalFiles, report: Report) -> None:
    """Bring in all that stands elsewhere, and what is Butane's own becomes Ignition's."""
    for section in config.walk():
        if section.struct is RESOURCE:
            resources.embed(section, local_files, report)
        elif section.struct is USER:
            _embed_keys(section, local_files, report)
        elif section.struct in (UNIT, DROPIN):
            _embed_contents(section, local_files, report)
    mount_units.add(config)
    trees.add(config, local_files, report)


def _embed_keys(user: Section, local_files: LocalFiles, report: Report) -> None:
    """Every line of the files in `ssh_authorized_keys_local` is a key."""
    keys = user.entries("ssh_authorized_keys")
    for entry in user.entries("ssh_authorized_keys_local"):
        try:
            lines = _LINE.split(local_files.read_text(entry.value))
            keys += [Entry(line, entry.origin) for line in lines if line]
        except LocalFileError as error:
            report.error(entry.origin, error.message, error.hint)
    if keys:
        user.set("ssh_authorized_keys", keys, user.at("ssh_authorized_keys"))


def _embed_contents(unit: Section, local_files: LocalFiles, report: Report) -> None:
    """A unit or a drop-in from a file."""
    local = unit.text("contents_local")
    if not local or unit.text("contents") is not None:
        return
    try:
        unit.set("contents", local_files.read_text(local), unit.at("contents_local"))
    except LocalFileError as error:
        report.error(unit.at("contents_local"), error.message, error.hint)


def _ignition(config: Section, version: Version) -> dict[str, Json]:
    translated = to_ignition(config)
    head = translated.pop("ignition", {})
    assert isinstance(head, dict)
    return {"ignition": {**head, "version": IGNITION[version]}, **translated}
