"""Build a kernel: unpack, patch, configure, compile, and pack as `.deb`s.

Why not `make bindeb-pkg`: it also makes linux-libc-dev, which would replace the base's; its changelog carries the time
of the build and its objtool the folder, so that two builds differ; and it runs debhelper over what is a handful of
files. Here kbuild compiles and installs, its own `install-extmod-build` picks the headers, and `dpkg-deb` packs both
with control files from templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats import kconfig
from distrobuild.stages import kernel_package, kernel_selftests, module_signing
from distrobuild.stages.kernel_make import TREE
from distrobuild.stages.kernel_prepare import INPUTS, TreeOptions, prepare
from distrobuild.stages.stage import Job, Stage


class KernelOptions(TreeOptions):
    """Which kernel, made how."""

    name: str
    """Name of the kernel in the manifest (`mlos-6.12`), for the packages' descriptions."""
    maintainer: str
    """`Name <mail@host>` of who answers for the packages."""
    selftests: tuple[str, ...] = ()
    """Folders of `tools/testing/selftests` whose programs are compiled, too."""
    ccache: bool = True
    """Keep compiled objects across builds."""


class KernelStage(Stage[KernelOptions]):
    """Source, patches and fragments -> linux-image and linux-headers of one flavour."""

    kind: ClassVar[str] = "kernel"
    inputs: ClassVar[Mapping[str, str]] = {**INPUTS, module_signing.KEY: module_signing.KEY_INPUT}
    outputs: Mapping[str, str] = {
        "debs": "linux-image-RELEASE and linux-headers-RELEASE",
        "config": "the finished configuration",
        "requested": "what the fragments asked for and got, as a fragment",
        "release": "the kernel's release, as `uname -r` prints it",
        "applied": "identity of the patch set, then its patches in order; empty without patches",
        "selftests": "a folder with the programs of each selftest that the options name",
    }

    def run(self, job: Job) -> None:
        """Build. Raises what `prepare` raises, `BadModuleKey`, `ThrowAwayModuleKey` and `NoSelftest`."""
        signing = module_signing.fragment(job)
        prepared = prepare(job, self.options, ccache=self.options.ccache, last=signing)
        make, series = prepared.make, prepared.series
        module_signing.check_configuration(kconfig.parse_config((job.work / TREE / ".config").read_text("utf-8")))
        make("bzImage", "modules")
        release = make.read("kernelrelease")

        kernel_package.pack(make, job, self._packages(release))
        (job.output / "release").write_text(f"{release}\n", "utf-8")
        (job.output / "config").write_bytes((job.work / TREE / ".config").read_bytes())
        (job.output / "requested").write_text("".join(f"{setting}\n" for setting in prepared.requested), "utf-8")
        names = [series.identity, *(patch.path.name for patch in series.patches)] if series else []
        (job.output / "applied").write_text("".join(f"{name}\n" for name in names), "utf-8")
        kernel_selftests.compile_selftests(make, job, self.options.selftests)

    def _packages(self, release: str) -> kernel_package.Packages:
        options = self.options
        return kernel_package.Packages(
            release=release,
            version=f"{release.partition('-')[0]}-{options.distribution}{options.version.replace('-', '~')}",
            distribution=options.distribution,
            flavour=options.flavour,
            kernel=options.name,
            maintainer=options.maintainer,
        )
