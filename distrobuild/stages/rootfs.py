"""Install a root file system from the base's locked packages, without network.

mmdebstrap does the work from a repository made here around the fetched `.deb`s. What one machine must not share with
another (machine-id, host keys) and what tells when it was built (logs, caches) is not in it, so the same packages give
the same bytes. The project's own packages come over it as a layer, by the stage `install`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from distrobuild.formats.package_list import installed_packages, write_package_list
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.manifest.distributions import locale_packages
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages import apt_errors, root_cleanup
from distrobuild.stages.locked_packages import LockedPackages, packages_below
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "rootfs"


class RootfsOptions(Options):
    """Which release, and what is installed."""

    suite: str
    """Release of the base, for example `trixie`."""
    packages: tuple[str, ...]
    """Packages of the base to install beyond Essential and apt."""
    architecture: str = "amd64"
    """Debian's name of the processor."""
    locale: str = "C.UTF-8"
    """Locale to generate; all but C, C.UTF-8 and POSIX need the package `locales`."""
    start: Literal["live", "verity"] = "live"
    """What the initial RAM file system looks for: a live medium, or a verified /usr on a disk."""
    documentation: bool = True
    """Whether manual pages and /usr/share/doc are kept; copyright files always are."""


class RootfsStage(Stage[RootfsOptions]):
    """Locked packages -> the archive of a root file system and its package list."""

    kind: ClassVar[str] = "rootfs"
    inputs: ClassVar[Mapping[str, str]] = {
        "debs": "folder with the locked .deb files of the base",
    }
    outputs: Mapping[str, str] = {
        "rootfs.tar": "the root file system, with owners, modes and device nodes",
        "packages.json": "every installed package: name, version, architecture, sha256, installed_kib",
    }

    def run(self, job: Job) -> None:
        """Install. Raises `PackageNotFound`, `UnmetDependencies`, or `ProgramFailed`."""
        packages = packages_below(job, "debs")
        names = sorted({*self.options.packages, *locale_packages(self.options.locale)})
        apt_errors.check_names(names, packages)

        locked = LockedPackages(self.options.suite, self.options.architecture, packages)
        locked.write(job)
        self._write_image_files(job)
        place = root_cleanup.place_of_root(job, locked.kibibytes)
        command = locked.install("apt", names, *self._options())
        try:
            job.sandbox.run(command, environment={"TMPDIR": place})
        except ProgramFailed as error:
            raise apt_errors.explain(error) from error
        with RootTar(job.output / "rootfs.tar") as root:
            installed = installed_packages(root.read("var/lib/dpkg/status"), packages)
        write_package_list(job.output / "packages.json", installed)

    def _write_image_files(self, job: Job) -> None:
        """Put what is added to the packages into an archive, whose modes do not depend on how we were installed."""
        contents: dict[str, bytes] = {}
        for files in (TEMPLATES / "common", TEMPLATES / self.options.start):
            contents |= {str(path.relative_to(files)): path.read_bytes() for path in files.rglob("*") if path.is_file()}
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
        root_cleanup.place_script(job)
        finish = job.work / "finish"
        shutil.copyfile(TEMPLATES / "finish.sh", finish)
        finish.chmod(0o755)

    def _options(self) -> list[str]:
        lines = [] if self.options.documentation else (TEMPLATES / "documentation.conf").read_text().splitlines()
        return [
            # mmdebstrap unpacks Essential packages without dpkg, and knows only the filters that it is given.
            *(f"--dpkgopt={line}" for line in lines if not line.startswith("#")),
            "--setup-hook=tar-in /work/files.tar /",
            "--customize-hook=/work/finish",
        ]


def _charset(locale: str) -> str:
    """The second word of a line in /etc/locale.gen (locale.gen(5))."""
    return locale.partition(".")[2].partition("@")[0] or "ISO-8859-1"
