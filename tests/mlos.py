"""The project of this repository in the user's store: what `make iso` builds, for every test that needs it."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from distrobuild.cli.session import Session
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Event, Note, StageFinished, StageStarted, Stream
from distrobuild.plan.graph import Plan
from distrobuild.plan.selection import Selection

ROOT = Path(__file__).parents[1]
BASE = os.environ.get("DISTROBUILD_BASE", "host")
FLAVOUR = "vm"
BOX_TESTS = tuple(
    f"tests/boot/{name}" for name in ("accel", "common", "drivers", "node", "tensormem", "ubuntu", "flatcar", "systemd")
)
SOURCES = ("kernel", "patches", "packages", "ignition", *BOX_TESTS)
"""Folders of the project that the manifest names."""


@functools.cache
def session() -> Session:
    """The project on the base that this machine reaches, in the quick flavour."""
    return Session((ROOT / "distro.yaml",), (), BASE, FLAVOUR)


@functools.cache
def selection(target: str = "ubuntu") -> Selection:
    return session().select(target)


@functools.cache
def plan(target: str = "ubuntu") -> Plan:
    return session().plan(selection(target), Stream(say))


def say(event: Event) -> None:
    """A cold build takes minutes: show that something happens (pytest -s)."""
    match event:
        case Note():
            print(event.text, flush=True)
        case StageStarted():
            print(f"{event.stage} ...", flush=True)
        case StageFinished():
            print(f"{event.stage} done in {event.seconds:.0f} s", flush=True)


def copy_project(folder: Path) -> Path:
    """A copy of the project with its lock, to be changed by a test; return its folder."""
    plan()  # makes the lock, where there is none yet
    folder.mkdir()
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for name in ("distro.yaml", "distro.lock"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@functools.cache
def build(*stages: str, target: str = "ubuntu") -> dict[str, Entry]:
    """Build these stages of a target (and what they need), from the store where they are unchanged."""
    whole = plan(target)
    goals = tuple(whole.find(stage) for stage in stages)
    engine = session().engine(selection(target), Stream(say))
    return engine.build(Plan(whole.target, goals, whole.epoch, whole.architecture))
