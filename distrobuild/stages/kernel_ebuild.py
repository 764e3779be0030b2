"""Make the kernel into ebuilds: NAME-sources, and NAME-modules-FLAVOUR and NAME-kernel-FLAVOUR of one configuration.

The sources are the tree that the kernel stage starts from, and its patches. Modules and kernel come prebuilt, out of
the very `.deb` that the kernel stage made: compiling them again inside of Portage would take as long as the kernel
itself, and give the same files at best. Who wants another compiler or configuration switches the USE flag `prebuilt`
off, and has them compiled from NAME-sources as the kernel stage does it.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from distrobuild.formats import ebuild
from distrobuild.formats.template import render
from distrobuild.manifest import gentoo
from distrobuild.stages import kernel_source
from distrobuild.stages.kernel_make import Make, kernel_identity
from distrobuild.stages.portage_package import DISTFILES, REPOSITORY, PortagePackage, pack
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "kernel_ebuild"
CATEGORY = "sys-kernel"
LICENCE = "GPL-2"
FLAGS = {"prebuilt": "Install what the distribution has compiled, instead of compiling it here"}
TARGETS = {"modules": "bzImage modules", "kernel": "bzImage"}
"""Kind of package, and what kbuild makes for it. The modules' types (BTF) are read from the kernel."""
PATHS_OF_THE_BUILD = {"PATH"}
"""Surroundings of a compilation that are the user's, not the kernel's."""


class KernelEbuildOptions(Options):
    """Which kernel."""

    name: str
    """Short name of the distribution."""
    title: str
    """Its name for people."""
    version: str
    """Its version; stands behind the kernel's own in that of the packages."""
    flavour: str
    """Flavour of the kernel."""
    maintainer: str
    """`Name <mail@host>` of who answers for the packages."""


class KernelEbuildStage(Stage[KernelEbuildOptions]):
    """Kernel source, patches and the compiled kernel -> three ebuilds."""

    kind: ClassVar[str] = "kernel_ebuild"
    inputs: ClassVar[Mapping[str, str]] = {
        "source": "what the kernel stage unpacks",
        "patches": "folder with the patches; only if there are any",
        "shared/*": "folders beside that one, where the series names patches of them",
        "kernel": "what the kernel stage made",
    }
    outputs: Mapping[str, str] = {
        REPOSITORY: "part of an ebuild repository: sys-kernel/ and licenses/",
        DISTFILES: "sources, patches, configuration and the compiled kernel",
    }

    def run(self, job: Job) -> None:
        """Write them. Raises `NoKernelSource`."""
        (job.output / DISTFILES).mkdir()
        options = self.options
        kernel = job.inputs["kernel"]
        release = (kernel / "release").read_text("utf-8").strip()
        version = f"{release.partition('-')[0]}.{gentoo.version(options.version)}"
        identity, *patches = (kernel / "applied").read_text("utf-8").split() or [""]
        name = gentoo.word(options.name)
        sources = f"{name}-sources"
        facts = {
            "year": datetime.fromtimestamp(job.epoch, UTC).year,
            "maintainer": options.maintainer,
            "sources": sources,
            "place": f"/usr/src/linux-{release.partition('-')[0]}-{options.name}",
            "release": release,
            "patches": patches,
        }
        self._write_sources(job, sources, version, facts)
        variables = kernel_identity(options.version, identity if patches else None)
        make = Make(job, options.name, variables, ccache=False)
        surroundings = {key: value for key, value in make.environment.items() if key not in PATHS_OF_THE_BUILD}
        facts["environment"] = {key: shlex.quote(value) for key, value in surroundings.items()}
        self._write_compiled(job, name, version, facts)

    def _write_sources(self, job: Job, name: str, version: str, facts: Mapping[str, object]) -> None:
        distfiles = [_source(job, f"{name}-{version}")]
        patches = facts["patches"]
        if isinstance(patches, list) and patches:
            folder = job.work / f"{name}-{version}-patches"
            folder.mkdir()
            folders = [job.inputs["patches"], *kernel_source.shared_patches(job.inputs).values()]
            for patch in patches:
                shutil.copyfile(next(path / patch for path in folders if (path / patch).is_file()), folder / patch)
            distfiles.append(pack(job, folder))
        summary = f"Linux kernel sources with the patches of {self.options.title}"
        text = render(TEMPLATES / "sources.ebuild.j2", {**facts, "description": ebuild.quoted(summary)})
        self._package(name, version, "The tree that the kernels of the distribution are compiled from.").write(
            job, text, distfiles
        )

    def _write_compiled(self, job: Job, name: str, version: str, facts: Mapping[str, object]) -> None:
        flavour, kernel = self.options.flavour, job.inputs["kernel"]
        (image,) = (kernel / "debs").glob("linux-image-*.deb")
        configuration = f"{name}-kernel-{gentoo.word(flavour)}-{version}.config"
        distfiles = [job.output / DISTFILES / file for file in (image.name, configuration)]
        for source, target in zip((image, kernel / "config"), distfiles, strict=True):
            shutil.copyfile(source, target)
        modules = f"{name}-modules-{gentoo.word(flavour)}"
        for kind, package, what, runtime in (
            ("modules", modules, "Modules of the Linux kernel", ""),
            ("kernel", f"{name}-kernel-{gentoo.word(flavour)}", "The Linux kernel", f"~{CATEGORY}/{modules}-${{PV}}"),
        ):
            summary = f"{what} of {self.options.title}, flavour {flavour}"
            facts_of_kind = {
                "kind": kind,
                "description": ebuild.quoted(summary),
                "prebuilt": image.name,
                "config": configuration.replace(version, "${PV}"),
                "targets": TARGETS[kind],
                "runtime": runtime,
            }
            text = render(TEMPLATES / "compiled.ebuild.j2", {**facts, **facts_of_kind})
            described = self._package(package, version, f"{summary}: patched and configured by the distribution.")
            described.write(job, text, distfiles)

    def _package(self, name: str, version: str, paragraph: str) -> PortagePackage:
        return PortagePackage(
            category=CATEGORY,
            name=name,
            version=version,
            licence=LICENCE,
            maintainer=self.options.maintainer,
            paragraphs=(paragraph,),
            flags={} if name.endswith("-sources") else FLAGS,
        )


def _source(job: Job, name: str) -> Path:
    """The source tree as NAME.tar.xz among the distfiles: the archive that was fetched, else one that is made."""
    source, target = job.inputs["source"], job.output / DISTFILES / f"{name}.tar.xz"
    if packages := sorted(source.glob(kernel_source.DEBIAN_PACKAGE)):
        job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/source/{packages[-1].name}", "/work/package"])
        archives = sorted((job.work / "package").glob(kernel_source.DEBIAN_TARBALLS))
    else:
        archives = sorted(source.glob(kernel_source.TARBALL))
    if archives:
        shutil.copyfile(archives[-1], target)
        return target
    kernel_source.unpack(job, name)  # a tree as it is; or the error that there is none
    return pack(job, job.work / name)
