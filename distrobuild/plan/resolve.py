"""Resolve what the manifest asks for into a lock: archives asked, signatures verified, every file with its digest."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.distributions import DISTRIBUTIONS, Distribution
from distrobuild.manifest.lock import Repository, Request, Section
from distrobuild.manifest.values import DistributionName
from distrobuild.plan.archive import Archive
from distrobuild.plan.mirrors import default_mirrors, host_mirror

ESSENTIAL = ("?essential", "apt")
"""What mmdebstrap's variant `apt` installs before anything else."""


def repositories(request: Request, keyring: str | None) -> tuple[Repository, ...]:
    """Where the archive of a request is: its own mirror, else the host's apt, else mmdebstrap's default."""
    table = DISTRIBUTIONS[DistributionName(request.distribution)]
    defaults: Mapping[str, str] = {}
    found = []
    for label, suites in table.suites_of(request.suite).items():
        mirror = request.mirror or host_mirror(label)
        if mirror is None:
            defaults = defaults or default_mirrors(request.suite)
            mirror = defaults.get(suites[0])
        if mirror is None:
            raise DistrobuildError(
                f"nobody here knows an archive of {table.title} {request.suite}", hint="name one by the key `mirror`"
            )
        components = (*table.components, *request.components)
        found.append(Repository(mirror=mirror, suites=suites, components=components, keyring=_keyring(table, keyring)))
    return tuple(found)


class Resolver:
    """Resolves requests; an archive that several of them name is read once. A context manager."""

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self._archives: dict[tuple[object, ...], Archive] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="distrobuild-")

    def __enter__(self) -> Resolver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def resolve(self, request: Request, keyring: str | None = None, keep: Mapping[str, str] | None = None) -> Section:
        """What a request resolves to now.

        `keep` maps packages to versions that should stay while the archive has them. Raises
        `ArchiveUnreachable`, `UntrustedArchive`, `NoSnapshots`, `UnknownPackage`, `UnsatisfiableRequest`.
        """
        places = repositories(request, keyring)
        archive = self._archive(request, places)
        archive.pin(keep or {})
        if request.dependencies:
            packages = archive.resolve([*ESSENTIAL, *request.install])
        else:
            packages = [archive.download(package) for package in request.install]
        return Section(request=request, repositories=places, packages=tuple(packages))

    def _archive(self, request: Request, places: tuple[Repository, ...]) -> Archive:
        known = (places, request.snapshot, request.check_valid_until)
        if known not in self._archives:
            name = f"{DISTRIBUTIONS[DistributionName(request.distribution)].title} {request.suite}"
            state = Path(self._folder.name) / str(len(self._archives))
            archive = Archive(name, places, self.architecture, state, dated=not request.check_valid_until)
            archive.update()
            if request.snapshot is not None:
                archive = archive.at(request.snapshot, state.with_name(f"{state.name}-snapshot"))
                archive.update()
            self._archives[known] = archive
        return self._archives[known]


def _keyring(table: Distribution, named: str | None) -> str:
    keyring = named or table.keyring
    if not Path(keyring).is_file():
        raise DistrobuildError(
            f"the keyring of {table.title}, {keyring}, is not on this machine",
            hint=f"install `{table.keyring_package}`, or name a `keyring`",
        )
    return keyring
