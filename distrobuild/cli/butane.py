"""`distrobuild butane FILE`: translate a Butane config to Ignition."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from distrobuild.errors import DistrobuildError
from distrobuild.formats.butane import InvalidButane, Message, Severity, Translation, render, translate
from distrobuild.formats.butane.source import Document

STDIN = "-"
COLOURS = {"error": "red", "warning": "yellow", "frame": "blue", "mark": "blue", "hint": "cyan"}


@click.command("butane")
@click.argument("file", metavar="FILE")
@click.option("-d", "--files-dir", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the `local` files.")
@click.option("-s", "--strict", is_flag=True, help="Fail on warnings.")
@click.option("-p", "--pretty", is_flag=True, help="Indent the JSON.")
def command(file: str, files_dir: Path | None, strict: bool, pretty: bool) -> None:
    """Translate the Butane config FILE to Ignition: JSON on stdout, messages on stderr.

    `-` reads from stdin. Variant flatcar, versions 1.0.0 and 1.1.0. Exits with 1 on an error.
    """
    translation = _translate(file, files_dir)
    _say(translation.warnings, translation.document)
    if strict and translation.warnings:
        raise DistrobuildError("the config produced warnings and --strict was specified; nothing was written")
    sys.stdout.buffer.write(f"{translation.text(pretty=pretty)}\n".encode())


def _translate(file: str, files_dir: Path | None) -> Translation:
    if files_dir is not None and not files_dir.is_dir():
        raise DistrobuildError(f"--files-dir {files_dir}: no such folder")
    try:
        source = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise DistrobuildError(f"{file}: {error.strerror}") from None
    try:
        return translate(source, "<stdin>" if file == STDIN else file, files_dir)
    except InvalidButane as error:
        messages = error.report.messages
        _say(messages, error.report.document)
        raise DistrobuildError(f"the config is invalid: {_count(messages)}; nothing was written") from None


def _say(messages: list[Message], document: Document) -> None:
    for message in messages:
        click.echo(f"{render(message, document, _style)}\n", err=True)


def _style(text: str, role: str) -> str:
    # click removes the colours again where stderr is no terminal.
    return click.style(text, fg=COLOURS[role], bold=role in ("error", "warning"))


def _count(messages: list[Message]) -> str:
    numbers = [(severity, sum(each.severity is severity for each in messages)) for severity in Severity]
    return ", ".join(f"{number} {severity}{'s' * (number > 1)}" for severity, number in numbers if number)
