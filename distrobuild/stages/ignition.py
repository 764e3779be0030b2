"""Translate a Butane config to the Ignition config that a machine is set up by at its first boot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats.butane import InvalidButane, Message, Severity, translate
from distrobuild.stages.stage import Job, Options, Stage


class IgnitionOptions(Options):
    """What is translated."""

    source: str
    """The Butane file, as messages call it."""


class IgnitionStage(Stage[IgnitionOptions]):
    """A Butane config -> an Ignition config."""

    kind: ClassVar[str] = "ignition"
    inputs: ClassVar[Mapping[str, str]] = {"butane": "the config", "files": "folder of its local files; optional"}
    outputs: Mapping[str, str] = {"config.ign": "the Ignition config, JSON"}

    def run(self, job: Job) -> None:
        """Translate. Raises `InvalidInput` with every mistake; warnings go to the log."""
        name = self.options.source
        try:
            translation = translate(job.inputs["butane"].read_bytes(), name, job.inputs.get("files"))
        except InvalidButane as error:
            mistakes = [message for message in error.report.messages if message.severity is Severity.ERROR]
            raise InvalidInput([_problem(name, message) for message in mistakes]) from error
        for warning in translation.warnings:
            job.log(f"warning: {name}: {warning.text}")
        (job.output / "config.ign").write_text(f"{translation.text(pretty=False)}\n", "utf-8")


def _problem(name: str, message: Message) -> Problem:
    return Problem(Location(Path(name), message.span.line, message.span.column), message.text, message.hint)
