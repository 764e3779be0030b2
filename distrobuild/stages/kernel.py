"""Build a kernel: unpack, patch, configure, compile, and pack as `.deb`s.

Why not `make bindeb-pkg`: it also makes linux-libc-dev, which would replace the base's; its changelog carries the time
of the build and its objtool the folder, so that two builds differ; and it runs debhelper over what is a handful of
files. Here kbuild compiles and installs, its own `install-extmod-build` picks the headers, and `dpkg-deb` packs both
with control files from templates.

Patches and fragments are read, and every mistake in them reported, before the tree is unpacked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import InvalidInput, Problem
from distrobuild.formats import kconfig
from distrobuild.formats.kconfig import Setting
from distrobuild.formats.patch_series import Series, read_series
from distrobuild.stages import kernel_config, kernel_package, kernel_selftests, kernel_source
from distrobuild.stages.kernel_make import TREE, Make, kernel_identity
from distrobuild.stages.stage import Job, Options, Stage


class KernelOptions(Options):
    """Which kernel, made how."""

    name: str
    """Name of the kernel in the manifest (`mlos-6.12`), for the packages' descriptions."""
    distribution: str
    """Short name of the distribution (`mlos`): in the release, in the packages' names, and as builder."""
    version: str
    """Version of the distribution; stands behind the kernel's own in the packages' version."""
    flavour: str
    """Flavour (`server`, `vm`): the last part of the release."""
    maintainer: str
    """`Name <mail@host>` of who answers for the packages."""
    base_config: str = "x86_64_defconfig"
    """The make target that the configuration starts from."""
    config: tuple[str, ...] = ()
    """Fragments in order, later wins, as messages call them; `fragment_input` names the input that holds each."""
    patches: str | None = None
    """The series' folder as messages call it; None: no patches, and no input `patches`."""
    selftests: tuple[str, ...] = ()
    """Folders of `tools/testing/selftests` whose programs are compiled, too."""
    ccache: bool = True
    """Keep compiled objects across builds."""


def fragment_input(name: str) -> str:
    """Name of the input that holds the fragment `name` (a path in the project)."""
    return f"config/{name.replace('/', '-')}"


class KernelStage(Stage[KernelOptions]):
    """Source, patches and fragments -> linux-image and linux-headers of one flavour."""

    kind: ClassVar[str] = "kernel"
    inputs: ClassVar[Mapping[str, str]] = {
        "source": "folder with a Debian linux-source package, a linux-*.tar.xz, or the tree itself",
        "patches": "folder with a series and its patches; only if the options name one",
        "patches/*": "folders beside that one, where the series names patches of them",
        "config/*": "configuration fragments, each a file",
    }
    outputs: Mapping[str, str] = {
        "debs": "linux-image-RELEASE and linux-headers-RELEASE",
        "config": "the finished configuration",
        "requested": "what the fragments asked for and got, as a fragment",
        "release": "the kernel's release, as `uname -r` prints it",
        "applied": "identity of the patch set, then its patches in order; empty without patches",
        "selftests": "a folder with the programs of each selftest that the options name",
    }

    def run(self, job: Job) -> None:
        """Build. Raises `InvalidInput` for a bad patch or fragment, `SymbolsLost` for a symbol that cannot be set."""
        series, fragments = self._read_inputs(job)
        kernel_source.unpack(job, TREE)
        if series is not None:
            kernel_source.apply_series(series, job.work / TREE, job.log)

        identity = kernel_identity(self.options.version, series.identity if series else None)
        make = Make(job, self.options.distribution, identity, ccache=self.options.ccache)
        # Neither a version nor a patch set: autoconf.h is in every object, and each change would recompile them all.
        strings = {"LOCALVERSION": f"-{self.options.distribution}-{self.options.flavour}"}
        requested = kernel_config.configure(make, job.work / TREE, self.options.base_config, fragments, strings)
        make("bzImage", "modules")
        release = make.read("kernelrelease")

        kernel_package.pack(make, job, self._packages(release))
        (job.output / "release").write_text(f"{release}\n", "utf-8")
        (job.output / "config").write_bytes((job.work / TREE / ".config").read_bytes())
        (job.output / "requested").write_text("".join(f"{setting}\n" for setting in requested), "utf-8")
        names = [series.identity, *(patch.path.name for patch in series.patches)] if series else []
        (job.output / "applied").write_text("".join(f"{name}\n" for name in names), "utf-8")
        kernel_selftests.compile_selftests(make, job, self.options.selftests)

    def _read_inputs(self, job: Job) -> tuple[Series | None, list[tuple[Setting, ...]]]:
        """The series and the fragments; every mistake in all of them is reported at once."""
        problems: list[Problem] = []
        series = None
        fragments = []
        try:
            if self.options.patches is not None:
                folders = kernel_source.shared_patches(job.inputs)
                series = read_series(job.inputs["patches"], Path(self.options.patches), folders)
        except InvalidInput as error:
            problems += error.problems
        for name in self.options.config:
            try:
                fragments.append(kconfig.read_fragment(job.inputs[fragment_input(name)], Path(name)))
            except InvalidInput as error:
                problems += error.problems
        if problems:
            raise InvalidInput(problems)
        return series, fragments

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
