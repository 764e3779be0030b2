"""Translate a Butane config to the Ignition config that a machine is set up by at its first boot.

The config is a template: what the manifest says already need not be written a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats.butane import InvalidButane, Message, Severity, translate
from distrobuild.formats.template import render_source
from distrobuild.stages.stage import Job, Options, Stage


class Person(Options):
    """Somebody who can log in."""

    name: str
    """Login name."""
    groups: tuple[str, ...] = ()
    """Supplementary groups."""
    ssh_keys: tuple[str, ...] = ()
    """Public keys."""
    shell: str = "/bin/bash"
    """Login shell."""


class Facts(Options):
    """What the manifest says of the machine; the names that a config may use."""

    name: str
    """Short name of the distribution."""
    title: str
    """Name for people."""
    version: str
    """Version."""
    hostname: str
    """Host name."""
    users: tuple[Person, ...] = ()
    """People who can log in."""
    sysext: str | None = None
    """File name of the system extension, which `local:` finds."""
    updates: str
    """Address of the folder in which the machine looks for newer versions."""


class IgnitionOptions(Options):
    """What is translated."""

    source: str
    """The Butane file, as messages call it."""
    facts: Facts
    """What the file may name in `{{ }}`."""


class IgnitionStage(Stage[IgnitionOptions]):
    """A Butane config -> an Ignition config."""

    kind: ClassVar[str] = "ignition"
    inputs: ClassVar[Mapping[str, str]] = {"butane": "the config", "files": "folder of its local files; optional"}
    outputs: Mapping[str, str] = {"config.ign": "the Ignition config, JSON"}

    def run(self, job: Job) -> None:
        """Translate. Raises `InvalidInput` with every mistake; warnings go to the log.

        Lines of mistakes are those of the text that the template gave.
        """
        name = self.options.source
        text = render_source(job.inputs["butane"], dict(self.options.facts), Path(name))
        try:
            translation = translate(text.encode(), name, job.inputs.get("files"))
        except InvalidButane as error:
            mistakes = [message for message in error.report.messages if message.severity is Severity.ERROR]
            raise InvalidInput([_problem(name, message) for message in mistakes]) from error
        for warning in translation.warnings:
            job.log(f"warning: {name}: {warning.text}")
        (job.output / "config.ign").write_text(f"{translation.text(pretty=False)}\n", "utf-8")


def _problem(name: str, message: Message) -> Problem:
    return Problem(Location(Path(name), message.span.line, message.span.column), message.text, message.hint)
