# SPDX-License-Identifier: Apache-2.0
"""The command tensormem: names of the broker, for people. See tensormem(1)."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensormem import bench, broker, protocol
from tensormem.safetensors import MalformedFile, load

HINTS = {
    errno.ENOENT: "`tensormem ls` lists the names that you may see.",
    errno.EEXIST: "`--replace` takes the name for the new one; who has attached the old one keeps it.",
    errno.EDQUOT: "`tensormem rm NAME` makes room; the limit is an option of tensormemd.",
    errno.ENOMEM: "There are not so many free pages: without --huge, or with fewer tensors, it may fit.",
    errno.EACCES: "Names belong to the user or the group that published them.",
}
NO_BROKER = "The broker does not answer: `systemctl enable --now tensormemd.socket`."
EXIT_USAGE, EXIT_DATA, EXIT_REFUSED, EXIT_UNAVAILABLE = 64, 65, 1, 69


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.exit(EXIT_USAGE, f"tensormem: {message}\nTry `tensormem --help`.\n")


def parser() -> argparse.ArgumentParser:
    """The options and subcommands."""
    whole = _Parser(prog="tensormem", description="Models in memory that processes share.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("ls", help="the names that you may see")
    listing.add_argument("--json", action="store_true")
    stat = commands.add_parser("stat", help="all about a name, or what the broker has done")
    stat.add_argument("name", nargs="?")
    loading = commands.add_parser("load", help="load a safetensors file and publish it")
    loading.add_argument("file", type=Path)
    loading.add_argument("--name", help="the file's without its ending, if not said")
    loading.add_argument("--replace", action="store_true", help="where there is such a name already")
    loading.add_argument(
        "--huge", action="store_true", help="in 2 MiB pages or not at all; else in such if there are any"
    )
    removal = commands.add_parser("rm", help="take a name away; who has attached the tensor keeps it")
    removal.add_argument("name")
    for each in (stat, loading, removal):
        each.add_argument("--group", help="a name of this group, whose members all see it, and not your own")
    speed = commands.add_parser("bench", help="how fast attaching and making is, beside copying")
    speed.add_argument("--size", type=_mebibytes, default=1 << 30, metavar="MIB", help="1024 if not said")
    speed.add_argument("--huge", action="store_true", help="in 2 MiB pages or not at all")
    speed.add_argument("--json", action="store_true")
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "bench":
            return _bench(options)
        return _with_broker(options)
    except MalformedFile as error:
        return _complain(f"{options.file}: {error}", error.hint, EXIT_DATA)
    except LookupError as error:
        return _complain(f"no such group: {error}", "`getent group` lists them.", EXIT_REFUSED)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        return _complain(told, HINTS.get(error.errno or 0, ""), EXIT_REFUSED)


def _with_broker(options: argparse.Namespace) -> int:
    try:
        names = broker.connect()
    except OSError as error:
        return _complain(f"{protocol.address()}: {error.strerror}", NO_BROKER, EXIT_UNAVAILABLE)
    group = _group(getattr(options, "group", None))
    with names:
        match options.command:
            case "ls":
                _list(names.list(), options.json)
            case "stat":
                print(json.dumps(_stat(names, options.name, group), indent=2))
            case "load":
                name = options.name or options.file.stem
                model = load(options.file, huge=True if options.huge else None)
                told = names.publish(name, model.tensor, group=group, replace=options.replace)
                print(f"{name}: {len(model)} tensors, {_size(told['size'])}, {told['digest']}")
            case "rm":
                names.remove(options.name, group=group)
    return 0


def _stat(names: broker.Names, name: str | None, group: str | int | None) -> dict[str, Any]:
    if name is None:
        return names.statistics()
    return names.look(name, group=group)


def _list(tensors: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(tensors, indent=2))
        return
    row = "{:<30} {:<14} {:>10} {:>9} {:<5} {:<17} {}"
    print(row.format("NAME", "OF", "SIZE", "ATTACHED", "PAGES", "SINCE", "CONTENT"))
    for each in sorted(tensors, key=lambda one: (one["scope"], one["number"], one["name"])):
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(each["published"]))
        pages = "2 MiB" if each["huge"] else "small"
        place = f"{each['scope']} {each['number']}"
        print(row.format(each["name"], place, _size(each["size"]), each["attached"], pages, since, each["digest"][:19]))


def _bench(options: argparse.Namespace) -> int:
    found = list(bench.measure(options.size, True if options.huge else None))
    if options.json:
        print(json.dumps([{**vars(each), "ratio": each.ratio} for each in found], indent=2))
        return 0
    for each in found:
        times = f"{each.seconds * 1e3:10.3f} ms   {each.baseline}: {each.baseline_seconds * 1e3:.1f} ms"
        print(f"{each.what:<28} {times}   {each.ratio:.2f} times as fast")
    return 0


def _group(text: str | None) -> str | int | None:
    return int(text) if text and text.isdecimal() else text


def _mebibytes(text: str) -> int:
    number = int(text)
    if not 0 < number < 1 << 40:
        raise ValueError(text)
    return number << 20


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1024 and unit < 4:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[unit]}" if unit else f"{count} B"


def _complain(text: str, hint: str, status: int) -> int:
    print(f"tensormem: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
    return status


def run() -> None:
    """The program's entry."""
    try:
        sys.exit(main())
    except BrokenPipeError:  # `tensormem ls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)
