"""Install the root file system of a container image from locked packages and our own: no kernel, no init, no apt.

The first of them, made of nothing but what every container needs, is the base; of all others only what differs from it
becomes a layer, so that a machine stores and fetches the base once. What dpkg and its maintainer scripts leave is the
same every time, as in the stage `rootfs`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.formats.oci_layer import write_first_layer, write_next_layer
from distrobuild.formats.package_list import installed_packages, write_package_list
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages import apt_errors, root_cleanup
from distrobuild.stages.locked_packages import LockedPackages, packages_below
from distrobuild.stages.stage import Job, Options, Stage

FILTERS = Path(__file__).parent / "templates" / "container" / "documentation.conf"
DPKG_SETTINGS = "etc/dpkg/dpkg.cfg.d/documentation"
LAYER = "layer.tar.gz"


class ContainerOptions(Options):
    """Which release, and what is installed."""

    suite: str
    """Release of the base, for example `trixie`."""
    architecture: str = "amd64"
    """Debian's name of the processor."""
    packages: tuple[str, ...]
    """Packages to install beyond Essential, the archive's and our own."""


class ContainerStage(Stage[ContainerOptions]):
    """Packages -> the root file system of a container, and a layer of what it has beyond the base."""

    kind: ClassVar[str] = "container"
    inputs: ClassVar[Mapping[str, str]] = {
        "debs": "folder with the locked .deb files of the base's archive",
        "own/*": "what deb stages made; their packages come before the archive's of the same name",
        "base": "what this stage made of the base; without it, the whole root becomes a layer",
    }
    outputs: Mapping[str, str] = {
        "rootfs.tar": "the root file system",
        LAYER: "what it has beyond the base, as a compressed layer of the OCI",
        "layer.json": "the layer's digests (hexadecimal SHA-256, compressed and not), bytes, and what is in it",
        "packages.json": "every installed package: name, version, architecture, sha256, installed_kib",
    }

    def run(self, job: Job) -> None:
        """Install and compare. Raises `PackageNotFound`, `UnmetDependencies`, or `ProgramFailed`."""
        folders = [name for name in sorted(job.inputs) if name.startswith("own/")]
        own = [package for name in folders for package in packages_below(job, name)]
        names = {package.name for package in own}
        packages = [*own, *(package for package in packages_below(job, "debs") if package.name not in names)]
        apt_errors.check_names(self.options.packages, packages)

        locked = LockedPackages(self.options.suite, self.options.architecture, packages)
        locked.write(job)
        root_cleanup.place_script(job)
        with TarWriter(job.work / "files.tar", job.epoch) as files:
            for folder in ("etc", "etc/dpkg", "etc/dpkg/dpkg.cfg.d"):
                files.folder(folder)
            files.file(DPKG_SETTINGS, FILTERS.read_bytes())
        place = root_cleanup.place_of_root(job, locked.kibibytes)
        command = locked.install("essential", sorted(self.options.packages), *_options())
        try:
            job.sandbox.run(command, environment={"TMPDIR": place})
        except ProgramFailed as error:
            raise apt_errors.explain(error) from error
        with RootTar(job.output / "rootfs.tar") as root:
            installed = installed_packages(root.read("var/lib/dpkg/status"), packages)
            _write_layer(job, root)
        write_package_list(job.output / "packages.json", installed)
        _compress(job, f"distrobuild: {' '.join(sorted(self.options.packages))}")


def _options() -> list[str]:
    lines = FILTERS.read_text("utf-8").splitlines()
    return [
        # mmdebstrap unpacks Essential packages without dpkg, and knows only the filters that it is given.
        *(f"--dpkgopt={line}" for line in lines if not line.startswith("#")),
        "--setup-hook=tar-in /work/files.tar /",
        "--customize-hook=/work/clean",
    ]


def _write_layer(job: Job, root: RootTar) -> None:
    place = job.output / "layer.tar"
    if "base" not in job.inputs:
        write_first_layer(root, place, job.epoch)
        return
    with RootTar(job.inputs["base"] / "rootfs.tar") as base:
        write_next_layer(base, root, place, job.epoch)


def _compress(job: Job, created_by: str) -> None:
    layer = {"diff_id": _digest(job.output / "layer.tar"), "created_by": created_by}
    # The compressor of the tools root: that of the host's Python may differ from one host to the next.
    job.sandbox.run(["gzip", "--no-name", "/out/layer.tar"])
    compressed = job.output / LAYER
    facts = {**layer, "sha256": _digest(compressed), "size": compressed.stat().st_size}
    (job.output / "layer.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
