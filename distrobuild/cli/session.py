"""What every command that works on a project shares: its options, and from them selection, lock, plan and engine."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Note, Stream
from distrobuild.engine.host import require_programs
from distrobuild.engine.store import Store
from distrobuild.errors import InvalidInput
from distrobuild.manifest.loader import LoadedManifest, load
from distrobuild.manifest.lock import Lock, read_lock, write_lock
from distrobuild.plan import locking
from distrobuild.plan.drivers import driver_problems
from distrobuild.plan.early import check_sources
from distrobuild.plan.graph import Plan
from distrobuild.plan.overridden import overridden
from distrobuild.plan.selection import Selection, select
from distrobuild.plan.targets import plan_target

BASE_VARIABLE = "DISTROBUILD_BASE"
STORE_VARIABLE = "DISTROBUILD_STORE"
MANIFEST = "distro.yaml"
LOCK = "distro.lock"


@dataclass(frozen=True)
class Session:
    """One project as the command line chose it."""

    files: tuple[Path, ...]
    overrides: tuple[str, ...]
    base: str | None
    flavour: str | None
    kernel: str | None = None

    @cached_property
    def loaded(self) -> LoadedManifest:
        """The manifest with all overrides applied."""
        return load(list(self.files or (Path(MANIFEST),)), list(self.overrides))

    @property
    def lock_path(self) -> Path:
        """The lock stands beside the manifest."""
        return self.loaded.root / LOCK

    @cached_property
    def store(self) -> Store:
        """The user's store: `$DISTROBUILD_STORE`, else below the cache folder."""
        return Store(store_folder())

    def select(self, target: str, *, dev: bool = False, kernel: str | None = None) -> Selection:
        """One target of the manifest, on the chosen base, in the chosen flavour, with the chosen kernel.

        Raises `InvalidInput` where the base or the kernel cannot have one of its drivers.
        """
        manifest, root = self.loaded.manifest, self.loaded.root
        selection = select(manifest, root, target, self.base, self.flavour, dev, kernel or self.kernel)
        if problems := list(driver_problems(selection, self.loaded)):
            raise InvalidInput(problems)
        return selection

    def lock(self, selection: Selection, emit: Stream, *, only_kernel: bool = False) -> Lock:
        """The lock of a selection, or at least what its kernel by itself needs.

        What it lacks is resolved now and said; what is stale in it is an error.
        """
        lock = read_lock(self.lock_path)
        sections = (locking.kernel_sections if only_kernel else locking.wanted_sections)(selection)
        missing = locking.check(lock, sections)
        if missing:
            emit(Note(text=f"no lock for {', '.join(missing)}: resolved now and written to {self.lock_path.name}"))
            lock = locking.make(lock, sections, selection.architecture)
            write_lock(self.lock_path, lock)
        return lock

    def plan(self, selection: Selection, emit: Stream) -> Plan:
        """The plan of a selection; mistakes in its source files are found before anything is resolved.

        What the command line sets without effect is said.
        """
        for remark in overridden(selection, self.loaded):
            emit(Note(text=remark))
        check_sources(selection)
        return plan_target(selection, self.lock(selection, emit))

    def engine(self, selection: Selection, emit: Stream, jobs: int | None = None) -> Engine:
        """An engine with as many processors as asked for (default: all this process may use).

        Raises `HostLacksPrograms` now rather than in the middle of a build.
        """
        require_programs()
        return Engine(self.store, project_name(selection), emit, jobs or len(os.sched_getaffinity(0)))


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a project; the command receives them as one `session`."""
    return kernel_project_options(KERNEL(command))


def kernel_project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Those for a command that has a kernel as its argument."""

    @functools.wraps(command)
    def with_session(
        files: tuple[Path, ...],
        overrides: tuple[str, ...],
        base: str | None,
        flavour: str | None,
        other_kernel: str | None = None,
        **rest: Any,
    ) -> Any:
        return command(session=Session(files, overrides, base, flavour, other_kernel), **rest)

    decorated: Callable[..., Any] = with_session
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


OPTIONS = (
    click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Manifest; a further one is merged over it. Default: {MANIFEST}.",
    ),
    click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the manifest."),
    click.option(
        "--base",
        envvar=BASE_VARIABLE,
        metavar="BASE",
        help="Another base than the manifest's: `debian:trixie`, or `host` for what this machine's apt reaches.",
    ),
    click.option("--flavour", metavar="NAME", help="Another flavour than the manifest's."),
)
KERNEL = click.option(
    "--kernel", "other_kernel", metavar="NAME", help="Another kernel of the manifest than the target's."
)


def store_folder() -> Path:
    """Where finished work is kept."""
    if named := os.environ.get(STORE_VARIABLE):
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "distrobuild"


def project_name(selection: Selection) -> str:
    """Names the history of one target of one checkout."""
    place = hashlib.sha256(str(selection.root.absolute()).encode()).hexdigest()[:12]
    words = (selection.manifest.name, selection.name, selection.base.suite, selection.target.kernel, selection.flavour)
    return "-".join((*(word for word in words if word), place))


def console() -> Console:
    """Where commands print for people."""
    return Console()
