# SPDX-License-Identifier: Apache-2.0
"""The command line of mlos-accel(1). Modules that only one command needs are imported by it: `list` is to be quick."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mlos_accel.errors import AccelError, CannotTest, WrongUsage
from mlos_accel.inventory import Inventory, collect, find
from mlos_accel.screen import standard
from mlos_accel.tree import Tree

VERSION = "1.0.0"
PROGRAM = "mlos-accel"
WRONG_RESULT = 1
"""Exit status of a test whose result was not NumPy's."""
SHORTEST = 0.1
"""Seconds between two readings: some drivers ask not to be read all the time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a degree sign is no reason to fail on a terminal without one
    try:
        chosen = _parser().parse_args(arguments)
        status: int = chosen.run(chosen)
    except AccelError as error:
        hint = f"\n  {error.hint}" if error.hint else ""
        print(f"{PROGRAM}: {error}{hint}", file=sys.stderr)
        return error.status
    except BrokenPipeError:  # `mlos-accel json | head`: what follows is not wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


class _Parser(argparse.ArgumentParser):
    """Raises what argparse would end the program with."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(message, f"`{self.prog} --help` says what there is")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="One inventory of this machine's accelerators.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    parser.add_argument("--root", default="/", metavar="DIR", help="read the files of a machine that are below DIR")
    parser.set_defaults(run=_list)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    commands.add_parser("list", help="a line for each device (the default)").set_defaults(run=_list)

    show = commands.add_parser("show", help="all that is known of devices")
    show.add_argument("devices", nargs="*", metavar="DEVICE", help="number, uuid, address or node; default: all")
    show.set_defaults(run=_show)

    live = commands.add_parser("watch", help="a live view")
    live.add_argument("--interval", type=_interval, default=1.0, metavar="SECONDS", help="default: 1")
    live.set_defaults(run=_watch)

    commands.add_parser("json", help="the inventory for programs").set_defaults(run=_json)

    test = commands.add_parser("test", help="run known jobs on a device and compare their results with NumPy's")
    test.add_argument("devices", nargs="+", metavar="DEVICE", help="number, uuid, address or node")
    test.add_argument(
        "--size", type=_rows, default=64, metavar="ROWS", help="of matrices, or so many numbers; default: 64"
    )
    test.add_argument("--seed", type=int, default=1, metavar="N", help="of the numbers; default: 1")
    test.set_defaults(run=_test)

    cdi = commands.add_parser("cdi", help="the devices for containers, as Container Device Interface")
    cdi.add_argument("--output", metavar="DIR", help="write it there (/etc/cdi, /run/cdi) instead of printing it")
    cdi.set_defaults(run=_cdi)

    metrics = commands.add_parser("metrics", help="the inventory for Prometheus")
    metrics.add_argument("--serve", action="store_true", help="answer on the socket that systemd hands over")
    metrics.set_defaults(run=_metrics)
    return parser


def _interval(text: str) -> float:
    seconds = float(text)
    if not seconds >= SHORTEST:
        raise argparse.ArgumentTypeError(f"at least {SHORTEST} seconds")
    return seconds


def _rows(text: str) -> int:
    rows = int(text)
    if not 1 <= rows <= 4096:
        raise argparse.ArgumentTypeError("from 1 to 4096")
    return rows


def _inventory(chosen: argparse.Namespace) -> Inventory:
    """What there is; problems go to the standard error."""
    inventory = collect(_tree(chosen))
    for problem in inventory.problems:
        print(f"{PROGRAM}: probe {problem.probe}: {problem.message}", file=sys.stderr)
    return inventory


def _tree(chosen: argparse.Namespace) -> Tree:
    if not os.path.isdir(chosen.root):
        raise WrongUsage(f"{chosen.root} is not a folder")
    return Tree(chosen.root)


def _list(chosen: argparse.Namespace) -> int:
    from mlos_accel.listing import table

    inventory = _inventory(chosen)
    if inventory.devices:
        print("\n".join(table(inventory.devices, standard())))
    else:
        print(f"{PROGRAM}: no accelerator", file=sys.stderr)
    return 0


def _show(chosen: argparse.Namespace) -> int:
    from mlos_accel.description import described

    inventory = _inventory(chosen)
    wanted = [find(inventory, word) for word in chosen.devices] or list(enumerate(inventory.devices))
    if not wanted:
        print(f"{PROGRAM}: no accelerator", file=sys.stderr)
    print("\n\n".join("\n".join(described(number, device, standard())) for number, device in wanted))
    return 0


def _watch(chosen: argparse.Namespace) -> int:
    from mlos_accel.watch import watch

    watch(_tree(chosen), chosen.interval)
    return 0


def _json(chosen: argparse.Namespace) -> int:
    from mlos_accel.document import text

    sys.stdout.write(text(collect(_tree(chosen))))
    return 0


def _test(chosen: argparse.Namespace) -> int:
    from mlos_accel.selftest import run

    inventory, live = _inventory(chosen), _tree(chosen).live
    failed = False
    for number, device in [find(inventory, word) for word in chosen.devices]:
        if not live and not device.declared:
            raise CannotTest(f"{device.name} is a device of another machine", "leave `--root` out")
        for outcome in run(device, chosen.size, chosen.seed):
            verdict = "as NumPy" if outcome.passed else f"{outcome.wrong} of {outcome.numbers} numbers are not NumPy's"
            print(f"{number}  {device.name}: {outcome.job} in {outcome.seconds * 1000:.1f} ms: {verdict}")
            failed |= not outcome.passed
    return WRONG_RESULT if failed else 0


def _cdi(chosen: argparse.Namespace) -> int:
    from mlos_accel import cdi

    inventory = _inventory(chosen)
    if chosen.output is not None:
        path = cdi.write(inventory, chosen.output)
        print(path or f"{PROGRAM}: no device to hand out", file=sys.stdout if path else sys.stderr)
        return 0
    content = cdi.specification(inventory)
    if content is None:
        print(f"{PROGRAM}: no device to hand out", file=sys.stderr)
    else:
        sys.stdout.write(cdi.text(content))
    return 0


def _metrics(chosen: argparse.Namespace) -> int:
    if chosen.serve:
        from mlos_accel.exporter import serve

        serve(_tree(chosen))
        return 0
    from mlos_accel.metrics import exposition

    sys.stdout.write(exposition(_inventory(chosen)))
    return 0
