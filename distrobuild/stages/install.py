"""Install the project's own packages, the kernel among them, over a root file system: the result is a layer.

The root of the archive's packages need not wait for the kernel, and a new kernel or package does not install it again.
So this stage unpacks that root, lets the root's own apt install from the project's repository without network, makes
the initial RAM file system, and keeps what differs.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats.deb_repository import read_packages_index
from distrobuild.formats.package_list import (
    installed_packages,
    read_package_list,
    write_package_list,
)
from distrobuild.formats.root_layer import write_layer
from distrobuild.formats.root_tar import RootTar
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages import apt_errors, root_cleanup
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "install"
SOURCES = "deb [signed-by=/run/repository/repository-key.asc] copy:///run/repository/repository {suite} main\n"
PREFERENCES = 'Package: *\nPin: origin ""\nPin-Priority: 1001\n'
"""A local archive's package comes before what is installed, whatever their versions (apt_preferences(5))."""


class NoKernel(DistrobuildError):
    """The packages bring no kernel, or several, so it is open which one boots."""


class InstallOptions(Options):
    """What is installed."""

    suite: str
    """Release of the base, for example `trixie`."""
    packages: tuple[str, ...]
    """The project's own packages, the kernel among them."""


class InstallStage(Stage[InstallOptions]):
    """A root file system and our repository -> a layer over it, the kernel that boots it, the list of all packages."""

    kind: ClassVar[str] = "install"
    inputs: ClassVar[Mapping[str, str]] = {
        "rootfs": "what the rootfs stage made",
        "repository": "what the repository stage made",
    }
    outputs: Mapping[str, str] = {
        "layer.tar": "what differs from the root file system: files, and whiteouts for what is gone",
        "packages.json": "every installed package: name, version, architecture, sha256, installed_kib",
        "vmlinuz": "the kernel",
        "initrd.img": "its initial RAM file system",
    }

    def run(self, job: Job) -> None:
        """Install. Raises `PackageNotFound`, `UnmetDependencies`, `NoKernel`, or `ProgramFailed`."""
        indexes = (job.inputs["repository"] / "repository" / "dists").rglob("Packages")
        own = [package for index in sorted(indexes) for package in read_packages_index(index.read_bytes())]
        apt_errors.check_names(self.options.packages, own)

        root_cleanup.place_script(job)
        (job.work / "sources").write_text(SOURCES.format(suite=self.options.suite), "utf-8")
        (job.work / "preferences").write_text(PREFERENCES, "utf-8")
        # An installed distrobuild need not have kept the script's mode.
        shutil.copyfile(TEMPLATES / "install.sh", job.work / "install")
        (job.work / "install").chmod(0o755)
        base = job.inputs["rootfs"] / "rootfs.tar"
        root = root_cleanup.place_of_root(job, base.stat().st_size >> 10) + "/root"
        try:
            job.sandbox.run(["/work/install", root, *self.options.packages], environment={"INITRD": "No"})
        except ProgramFailed as error:
            raise apt_errors.explain(error) from error

        before = read_package_list(job.inputs["rootfs"] / "packages.json")
        with RootTar(base) as below, RootTar(job.work / "installed.tar") as installed:
            _extract_kernel(installed, job.output)
            packages = installed_packages(installed.read("var/lib/dpkg/status"), [*before, *own])
            write_layer(below, installed, job.output / "layer.tar", job.epoch)
        write_package_list(job.output / "packages.json", packages)


def _extract_kernel(root: RootTar, output: Path) -> None:
    kernels = [path for path in root if path.startswith("boot/vmlinuz-")]
    if len(kernels) != 1:
        found = ", ".join(path.removeprefix("boot/vmlinuz-") for path in kernels) or "none"
        raise NoKernel(f"an image needs one kernel, the packages bring: {found}")
    (output / "vmlinuz").write_bytes(root.read(kernels[0]))
    version = kernels[0].removeprefix("boot/vmlinuz-")
    (output / "initrd.img").write_bytes(root.read(f"boot/initrd.img-{version}"))
