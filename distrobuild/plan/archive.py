"""An apt archive, read by the host's own apt with a private state: signatures verified, nothing of the host touched."""

from __future__ import annotations

import dataclasses
import difflib
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Packages, Release

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.lock import LockedPackage, Repository
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox


class ArchiveUnreachable(DistrobuildError):
    """No answer from an archive."""


class UntrustedArchive(DistrobuildError):
    """An archive whose signature is missing or wrong. Never build from it."""


class UnknownPackage(DistrobuildError):
    """A package that the archive does not have; `package` is its name."""

    exit_code = 2

    def __init__(self, package: str, archive: str, hint: str | None) -> None:
        super().__init__(f"package `{package}` does not exist in {archive}", hint=hint)
        self.package = package


class NoSnapshots(DistrobuildError):
    """A timestamp was asked of an archive that names no snapshot archive."""


class UnsatisfiableRequest(DistrobuildError):
    """Packages that exist but cannot be installed together."""


@dataclass(frozen=True)
class Archive:
    """`repositories` of one distribution, read by apt with the state folder `state`.

    `dated` archives are as they were at some time: that their Release files have expired is no objection.
    """

    name: str
    repositories: Sequence[Repository]
    architecture: str
    state: Path
    dated: bool = False

    def update(self) -> None:
        """Fetch the indices and verify their signatures. Raises `UntrustedArchive` or `ArchiveUnreachable`."""
        for folder in ("lists/partial", "cache/archives/partial", "sources", "out", "parts"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        (self.state / "status").write_text("")
        (self.state / "apt.conf").write_text(_configuration(self.architecture, self.dated))
        (self.state / "sources" / "archive.sources").write_text(
            "\n".join(_source(repository) for repository in self.repositories)
        )
        try:
            self._apt("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
        except ProgramFailed as error:
            raise self._update_error(error) from error

    def at(self, timestamp: str, state: Path) -> Archive:
        """The archive as it was at a time (`20260101T000000Z`), which needs an `update` of its own.

        The address is the one that the verified Release files name by `Snapshots`, a field of Debian's and Ubuntu's
        archives; apt itself follows it from 2.7 on only. Raises `NoSnapshots`.
        """
        dated = [
            repository.model_copy(update={"mirror": self._snapshots(repository).replace("@SNAPSHOTID@", timestamp)})
            for repository in self.repositories
        ]
        name = f"{self.name} at {timestamp}"
        return dataclasses.replace(self, name=name, repositories=dated, state=state, dated=True)

    def _snapshots(self, repository: Repository) -> str:
        suite = repository.suites[0]
        (release,) = (self.state / "lists").glob(f"*_dists_{suite.replace('/', '_')}_InRelease")
        with release.open("rb") as stream:
            address: str | None = Release(stream).get("Snapshots")
        if address is None or "@SNAPSHOTID@" not in address:
            raise NoSnapshots(
                f"{self.name} ({repository.mirror}, {suite}) names no snapshot archive",
                hint="leave `snapshot` out, and name by `mirror` an archive that stands still",
            )
        return address.rstrip("/")

    def resolve(self, packages: Sequence[str]) -> list[LockedPackage]:
        """`packages` (names, or apt patterns) with all they depend on, sorted by name."""
        try:
            text = self._apt("apt-get", "install", "--yes", "--print-uris", "-q", *packages)
        except ProgramFailed as error:
            raise self._install_error(error) from error
        return self._locked(text)

    def download(self, package: str) -> LockedPackage:
        """One package, without what it depends on."""
        try:
            return self._locked(self._apt("apt-get", "download", "--print-uris", "-qq", package))[0]
        except ProgramFailed as error:
            raise self._install_error(error) from error

    def pin(self, versions: Mapping[str, str]) -> None:
        """Prefer these versions over newer ones, while the archive still has them."""
        entries = [f"Package: {n}\nPin: version {v}\nPin-Priority: 1001\n" for n, v in sorted(versions.items())]
        (self.state / "preferences").write_text("\n".join(entries))

    def _locked(self, uris: str) -> list[LockedPackage]:
        places = {}
        wanted = []
        for line in uris.splitlines():
            match = re.match(r"'([^']+)' (\S+) \d+ ", line)
            if match:
                places[urllib.parse.unquote(match[1])] = match[1]
                # Only apt's own file name carries the version's epoch, as in `zlib1g_1%3a1.3_amd64.deb`.
                wanted.append(urllib.parse.unquote(match[2]).rsplit("_", 2)[:2])
        found = []
        shown = self._apt("apt-cache", "show", *(f"{name}={version}" for name, version in wanted)) if wanted else ""
        stanzas = {
            (p["Package"], p["Version"], p["Filename"]): p for p in Packages.iter_paragraphs(shown, use_apt_pkg=False)
        }
        for (package, version, filename), stanza in stanzas.items():
            url = next((places[place] for place in places if place.endswith("/" + filename.removeprefix("./"))), None)
            if url is None:
                continue
            found.append(
                LockedPackage(
                    package=package,
                    version=version,
                    architecture=stanza["Architecture"],
                    name=Path(filename).name,
                    url=url,
                    size=int(stanza["Size"]),
                    sha256=stanza["SHA256"],
                )
            )
        missing = set(places.values()) - {package.url for package in found}
        if missing:
            raise DistrobuildError(f"apt named files without a SHA256 digest: {', '.join(sorted(missing))}")
        return sorted(found, key=lambda package: (package.package, package.architecture))

    def _apt(self, *command: str) -> str:
        lines: list[str] = []
        binds = {"keyrings": Path("/usr/share/keyrings")}
        for number, repository in enumerate(self.repositories):
            binds[f"keyring{number}"] = Path(repository.keyring)
            if repository.mirror.startswith("file:"):
                binds[f"mirror{number}"] = Path(urllib.parse.urlparse(repository.mirror).path)
        box = Sandbox(
            root=None, inputs={}, work=self.state, output=self.state / "out", epoch=0, network=True, log=lines.append
        )
        # A local archive and the keyring keep their own paths inside, since they stand in apt's sources by them.
        same = {str(path): path for path in binds.values() if not str(path).startswith(("/usr/", "/etc/"))}
        box = dataclasses.replace(box, extra=same)
        try:
            return box.read(command, environment={"APT_CONFIG": "/work/apt.conf"}).decode()
        finally:
            (self.state / "apt.log").write_text("\n".join(lines) + "\n")

    def _update_error(self, error: ProgramFailed) -> DistrobuildError:
        text = "\n".join(line for line in error.tail if line[:2] in ("E:", "W:"))
        mirrors = ", ".join(sorted({repository.mirror for repository in self.repositories}))
        if re.search(r"NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|not signed|no longer signed|verification|Sqv|sqv", text):
            return UntrustedArchive(
                f"the signature of {self.name} ({mirrors}) cannot be trusted:\n{text}",
                hint="name the right `keyring`, or another `mirror`; an archive without a good signature is never used",
            )
        return ArchiveUnreachable(
            f"{self.name} ({mirrors}) does not answer:\n{text}",
            hint="`--base host` builds on the archive that this machine's apt reaches; `mirror:` names another address",
        )

    def _install_error(self, error: ProgramFailed) -> DistrobuildError:
        text = "\n".join(error.tail)
        unknown = re.search(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate", text)
        if unknown is None:
            return UnsatisfiableRequest(f"the packages asked of {self.name} cannot be installed together:\n{text}")
        package = unknown[1] or unknown[2]
        near = difflib.get_close_matches(package, self._apt("apt-cache", "pkgnames").split(), n=1)
        return UnknownPackage(package, self.name, f"did you mean `{near[0]}`?" if near else None)


def _source(repository: Repository) -> str:
    return (
        f"Types: deb\nURIs: {repository.mirror}\nSuites: {' '.join(repository.suites)}\n"
        f"Components: {' '.join(repository.components)}\nSigned-By: {repository.keyring}\n"
    )


def _configuration(architecture: str, dated: bool) -> str:
    return "\n".join(
        [
            'Dir "/work";',
            'Dir::State "/work";',
            'Dir::State::lists "/work/lists";',
            'Dir::State::status "/work/status";',
            'Dir::Cache "/work/cache";',
            'Dir::Etc "/work";',
            'Dir::Etc::parts "/work/parts";',
            'Dir::Etc::sourcelist "/work/none";',
            'Dir::Etc::sourceparts "/work/sources";',
            'Dir::Etc::preferences "/work/preferences";',
            'Dir::Etc::preferencesparts "/work/parts";',
            f'APT::Architecture "{architecture}";',
            f'APT::Architectures "{architecture}";',
            'APT::Install-Recommends "false";',
            'APT::Sandbox::User "root";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
            f'Acquire::Check-Valid-Until "{str(not dated).lower()}";',
            'Acquire::http::Timeout "30";',
            "",
        ]
    )
