"""Install a root file system from locked packages and the project's own repository, without network.

mmdebstrap does the work from two local repositories: the signed one with our packages, and one made here
around the fetched `.deb`s. What one machine must not share with another (machine-id, host keys) and what
tells when it was built (logs, caches) is not in it, so the same packages give the same bytes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from debian.deb822 import Deb822

from distrobuild.errors import DistrobuildError
from distrobuild.formats.deb_repository import (
    BinaryPackage,
    Suite,
    read_deb,
    read_packages_index,
    repository_indexes,
)
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.manifest.distributions import locale_packages
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "rootfs"
LOCKED = "locked packages"
"""Label of the repository made around the fetched packages; the pin in `preferences` names it."""
MEMORY_SHARE = 0.4
"""Part of the free memory that the root may take while it is installed; above it the disk is used."""


class PackageNotFound(DistrobuildError):
    """A package was asked for that neither the base's lock nor the project's repository has."""


class UnmetDependencies(DistrobuildError):
    """apt finds no set of packages that fits together."""


class NoKernel(DistrobuildError):
    """The packages bring no kernel, or several, so it is open which one boots."""


class RootfsOptions(Options):
    """Which release, and what is installed."""

    suite: str
    """Release of the base, for example `trixie`."""
    packages: tuple[str, ...]
    """Everything to install beyond Essential and apt, the kernel and the project's own packages among it."""
    architecture: str = "amd64"
    """Debian's name of the processor."""
    locale: str = "C.UTF-8"
    """Locale to generate; all but C, C.UTF-8 and POSIX need the package `locales`."""
    documentation: bool = True
    """Whether manual pages and /usr/share/doc are kept; copyright files always are."""


class RootfsStage(Stage[RootfsOptions]):
    """Locked packages and our repository -> the archive of a root file system, its kernel, its package list."""

    kind: ClassVar[str] = "rootfs"
    inputs: ClassVar[Mapping[str, str]] = {
        "debs": "folder with the locked .deb files of the base",
        "repository": "what the repository stage made",
    }
    outputs: ClassVar[Mapping[str, str]] = {
        "rootfs.tar": "the root file system, with owners, modes and device nodes",
        "packages.json": "every installed package: name, version, architecture, sha256",
        "vmlinuz": "its kernel",
        "initrd.img": "its initial RAM file system",
    }

    def run(self, job: Job) -> None:
        """Install. Raises `PackageNotFound`, `UnmetDependencies`, `NoKernel`, or `ProgramFailed`."""
        locked = _read_locked(job.inputs["debs"])
        indexes = (job.inputs["repository"] / "repository" / "dists").rglob("Packages")
        own = [package for index in sorted(indexes) for package in read_packages_index(index.read_bytes())]
        names = self._wanted()
        _check_names(names, [*locked, *own])

        self._write_repository(job, locked)
        self._write_image_files(job)
        try:
            job.sandbox.run(self._mmdebstrap(names), environment=_environment(job, [*locked, *own]))
        except ProgramFailed as error:
            raise _explain(error) from error
        with RootTar(job.output / "rootfs.tar") as root:
            _extract_kernel(root, job.output)
            packages = _installed(root.read("var/lib/dpkg/status"), [*locked, *own])
        (job.output / "packages.json").write_text(json.dumps(packages, indent=1) + "\n")

    def _wanted(self) -> list[str]:
        return sorted({*self.options.packages, *locale_packages(self.options.locale)})

    def _write_repository(self, job: Job, locked: Iterable[BinaryPackage]) -> None:
        repository = job.work / "locked"
        repository.mkdir()
        (repository / "debs").symlink_to("/inputs/debs")
        # mmdebstrap finds the Essential packages by the suite that they come from, so a flat folder would not do.
        suite = Suite("distrobuild", LOCKED, self.options.suite, self.options.architecture, job.epoch)
        for path, content in repository_indexes(suite, locked).items():
            place = repository / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def _write_image_files(self, job: Job) -> None:
        """Put what is added to the packages into an archive, whose modes do not depend on how we were installed."""
        files = TEMPLATES / "files"
        contents = {str(path.relative_to(files)): path.read_bytes() for path in files.rglob("*") if path.is_file()}
        contents["etc/apt/preferences.d/distrobuild"] = (TEMPLATES / "preferences").read_bytes()
        for key in sorted((job.inputs["repository"] / "keyring").glob("*")):  # of a key that outlives the build
            contents[f"usr/share/keyrings/{key.name}"] = key.read_bytes()
        if not self.options.documentation:
            contents["etc/dpkg/dpkg.cfg.d/documentation"] = (TEMPLATES / "documentation.conf").read_bytes()
        if locale_packages(self.options.locale):
            contents["etc/locale.gen"] = f"{self.options.locale} {_charset(self.options.locale)}\n".encode()
        folders = {str(parent) for path in contents for parent in Path(path).parents if parent.name}
        with TarWriter(job.work / "files.tar", job.epoch) as tar:
            for folder in sorted(folders):
                tar.folder(folder)
            for path, content in sorted(contents.items()):
                tar.file(path, content, mode=0o755 if content.startswith(b"#!") else 0o644)
        finish = job.work / "finish"
        shutil.copyfile(TEMPLATES / "finish.sh", finish)
        finish.chmod(0o755)

    def _filters(self) -> list[str]:
        """dpkg's options that leave documentation out."""
        lines = [] if self.options.documentation else (TEMPLATES / "documentation.conf").read_text().splitlines()
        return [line for line in lines if not line.startswith("#")]

    def _mmdebstrap(self, names: Sequence[str]) -> list[str]:
        suite = self.options.suite
        return [
            "mmdebstrap",
            "--mode=root",
            "--variant=apt",
            "--format=tar",
            f"--architectures={self.options.architecture}",
            f"--include={','.join(names)}",
            "--aptopt=APT::Install-Recommends false",
            "--aptopt=APT::Sandbox::User root",
            "--dpkgopt=force-unsafe-io",
            # mmdebstrap unpacks Essential packages without dpkg, and knows only the filters that it is given.
            *(f"--dpkgopt={line}" for line in self._filters()),
            "--setup-hook=tar-in /work/files.tar /",
            "--customize-hook=/work/finish",
            suite,
            "/out/rootfs.tar",
            f"deb [signed-by=/inputs/repository/repository-key.asc] copy:///inputs/repository/repository {suite} main",
            # The digests of the lock are the trust here; the files were checked against them when fetched.
            f"deb [trusted=yes] copy:///work/locked {suite} main",
        ]


def _read_locked(folder: Path) -> list[BinaryPackage]:
    return [replace(read_deb(file), path=f"debs/{file.name}") for file in sorted(folder.glob("*.deb"))]


def _environment(job: Job, packages: Iterable[BinaryPackage]) -> dict[str, str]:
    """INITRD: see `finish.sh`. The root is put together in memory if it fits: dpkg waits for the disk very often."""
    kibibytes = sum(int(package.control.get("Installed-Size", 0)) for package in packages)
    free = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    fits = free is not None and kibibytes < MEMORY_SHARE * int(free[1])
    job.log(f"installing {kibibytes >> 10} MiB in {'memory' if fits else 'the work folder'}")
    return {"TMPDIR": "/tmp" if fits else "/work", "INITRD": "No"}


def _charset(locale: str) -> str:
    """The second word of a line in /etc/locale.gen (locale.gen(5))."""
    return locale.partition(".")[2].partition("@")[0] or "ISO-8859-1"


def _check_names(names: Iterable[str], packages: Iterable[BinaryPackage]) -> None:
    known = set()
    for package in packages:
        provided = re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)", package.control.get("Provides", ""))
        known |= {package.name, *provided}
    missing = [name for name in names if name not in known]
    if missing:
        raise PackageNotFound(
            f"neither the base nor this project has a package {', '.join(f'`{name}`' for name in missing)}",
            hint="look at `install` and `packages` in the manifest; after a change there, `distrobuild lock`",
        )


def _explain(error: ProgramFailed) -> DistrobuildError:
    """apt's words as a typed error, where they say what is missing; otherwise the program's failure itself."""
    lines = [line.strip() for line in error.tail]
    found = re.compile(r"E: Unable to locate package (\S+)|E: Package '(\S+)' has no installation candidate")
    missing = [match[1] or match[2] for line in lines if (match := found.search(line))]
    if missing:
        return PackageNotFound(f"the base has no package {', '.join(f'`{name}`' for name in missing)}")
    header = "The following packages have unmet dependencies:"
    if header in lines:
        after = lines[lines.index(header) + 1 :]
        unmet = [line for line in after if re.match(r"\S+ : |(Depends|PreDepends|Conflicts|Breaks): ", line)]
        return UnmetDependencies("packages do not fit together:\n" + "\n".join(f"  {line}" for line in unmet))
    return error


def _extract_kernel(root: RootTar, output: Path) -> None:
    kernels = [path for path in root if path.startswith("boot/vmlinuz-")]
    if len(kernels) != 1:
        found = ", ".join(path.removeprefix("boot/vmlinuz-") for path in kernels) or "none"
        raise NoKernel(f"an image needs one kernel, the packages bring: {found}")
    (output / "vmlinuz").write_bytes(root.read(kernels[0]))
    version = kernels[0].removeprefix("boot/vmlinuz-")
    (output / "initrd.img").write_bytes(root.read(f"boot/initrd.img-{version}"))


def _installed(status: bytes, packages: Iterable[BinaryPackage]) -> list[dict[str, str]]:
    digests = {(package.name, package.version, package.architecture): package.sha256 for package in packages}
    result = []
    for paragraph in Deb822.iter_paragraphs(status, use_apt_pkg=False):
        key = str(paragraph["Package"]), str(paragraph["Version"]), str(paragraph["Architecture"])
        name, version, architecture = key
        result.append({"name": name, "version": version, "architecture": architecture, "sha256": digests[key]})
    return sorted(result, key=lambda package: (package["name"], package["architecture"]))
