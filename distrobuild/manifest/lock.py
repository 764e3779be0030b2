"""`distro.lock`: every input that the manifest resolved to, with its version, digest and place.

The file is JSON with one package per line, so that a version-control diff of it reads as a list of updates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.values import Sha256

FORMAT = 1
"""Version of the file's shape; a build refuses any other."""


class Locked(BaseModel):
    """Base of everything in the lock."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedPackage(Locked):
    """A binary package of an archive, or a wheel: file `name`, `url` where it was seen, `size` in bytes if known."""

    package: str
    version: str
    architecture: str
    name: str
    url: str
    size: int | None
    sha256: Sha256


class Repository(Locked):
    """One part of an archive, as apt sees it."""

    mirror: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: str


class Request(Locked):
    """What was asked for: the lock is stale when the manifest asks for something else."""

    distribution: str
    suite: str
    snapshot: str | None
    mirror: str | None
    install: tuple[str, ...]
    components: tuple[str, ...] = ()
    """Parts of the archive that are on for this request, beside those that always are (`non-free`, `restricted`)."""
    dependencies: bool = True
    """Whether all that the packages depend on is locked too; not so for a source that is only unpacked."""
    check_valid_until: bool = True
    """Whether an index that has expired is refused."""


class Section(Locked):
    """What one request resolved to."""

    request: Request
    repositories: tuple[Repository, ...]
    packages: tuple[LockedPackage, ...]


class Lock(Locked):
    """The whole lock: what each request resolved to, by the name of its section."""

    sections: dict[str, Section] = {}


class DamagedLock(DistrobuildError):
    """The lock file cannot be read."""

    exit_code = 2


def read_lock(path: Path) -> Lock:
    """The lock at `path`; an empty one where no file is. Raises `DamagedLock`."""
    if not path.exists():
        return Lock()
    hint = f"delete {path.name} and run `distrobuild lock`"
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise DamagedLock(f"{path}: written by another version of distrobuild", hint=hint)
        return Lock.model_validate(content)
    except json.JSONDecodeError as error:
        raise DamagedLock(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}", hint=hint) from error
    except ValidationError as error:
        raise DamagedLock(f"{path}: not a lock of distrobuild: {error}", hint=hint) from error


def write_lock(path: Path, lock: Lock) -> None:
    """Replace the file at `path` in one step."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text("".join(_lines(lock)), encoding="utf-8")
    scratch.replace(path)


def _lines(lock: Lock) -> Iterator[str]:
    yield f'{{\n"format": {FORMAT},\n"sections": {{'
    for position, (name, section) in enumerate(sorted(lock.sections.items())):
        yield f"{',' if position else ''}\n{json.dumps(name)}: {{\n"
        yield f'"request": {_text(section.request)},\n"repositories": ['
        yield from _joined(f"\n  {_text(repository)}" for repository in section.repositories)
        yield '\n],\n"packages": ['
        yield from _joined(f"\n  {_text(package)}" for package in section.packages)
        yield "\n]}"
    yield "\n}\n}\n"


def _text(value: Locked) -> str:
    return json.dumps(value.model_dump(mode="json"))


def _joined(items: Iterator[str]) -> Iterator[str]:
    for position, item in enumerate(items):
        yield f"{',' if position else ''}{item}"
