"""The packages and the kernel by Portage's rules: ebuilds, their repository, and binary packages."""

from __future__ import annotations

from functools import cached_property

from distrobuild.manifest import gentoo
from distrobuild.manifest.package import DESCRIPTION, load_package
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.locking import PORTAGE
from distrobuild.plan.parts import Parts
from distrobuild.stages.binpkgs import BinpkgsOptions, BinpkgsStage
from distrobuild.stages.ebuild import EbuildOptions, EbuildStage
from distrobuild.stages.gpkg import GpkgOptions, GpkgStage
from distrobuild.stages.kernel_ebuild import KernelEbuildOptions, KernelEbuildStage
from distrobuild.stages.overlay import OverlayOptions, OverlayStage
from distrobuild.stages.portage import LINKS, PLACE
from distrobuild.stages.python import PythonOptions, PythonStage

KERNEL = "kernel_ebuild"
"""The kernel among the packages, none of which can have an underline in its name."""


class Ebuilds:
    """The nodes that every package of the project goes through, whichever of them the image has."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._name = gentoo.word(parts.manifest.name)
        folder = parts.selection.root / "packages"
        self._packages = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{DESCRIPTION}"))}

    @cached_property
    def overlay(self) -> Node:
        """The repository."""
        described = (load_package(folder) for folder in self._packages.values())
        diversions = tuple(sorted({path for package in described for path in package.diversions}))
        inputs: dict[str, Input] = {f"ebuilds/{name}": node for name, node in self._ebuilds.items()}
        options = OverlayOptions(name=self._name, diversions=diversions)
        return Node("overlay", OverlayStage(options), {**inputs, "python": self._python}, self._parts.tools)

    @cached_property
    def binpkgs(self) -> Node:
        """The binary packages, signed."""
        inputs: dict[str, Input] = {"python": self._python}
        for name, ebuild in self._ebuilds.items():
            read: dict[str, Input] = {"ebuild": ebuild, "python": self._python}
            stage = GpkgStage(GpkgOptions(name=self._name))
            inputs[f"gpkgs/{name}"] = Node(f"gpkg/{name}", stage, read, self._parts.tools)
        if self._parts.manifest.signing is not None:
            inputs["key"] = self._parts.tree(self._parts.manifest.signing.key, secret=True)
        options = BinpkgsOptions(name=self._name, title=self._parts.selection.title)
        return Node("binpkgs", BinpkgsStage(options), inputs, self._parts.tools)

    @cached_property
    def _python(self) -> Node:
        stage = PythonStage(PythonOptions(place=PLACE, links=LINKS))
        return Node("python", stage, {"wheels": self._parts.fetch("wheels", PORTAGE)}, self._parts.tools)

    @cached_property
    def _ebuilds(self) -> dict[str, Node]:
        ebuilds = {name: self._ebuild(name) for name in self._packages}
        return ebuilds if self._parts.selection.kernel is None else {**ebuilds, KERNEL: self._kernel}

    def _ebuild(self, name: str) -> Node:
        parts = self._parts
        options = EbuildOptions(
            package=name,
            name=parts.manifest.name,
            title=parts.selection.title,
            version=parts.manifest.version,
            maintainer=parts.maintainer,
            base_distribution=parts.selection.base.distribution,
            base_suite=parts.selection.base.suite,
            own=tuple(self._packages),
        )
        return Node(f"ebuild/{name}", EbuildStage(options), {"package": parts.tree(f"packages/{name}")}, parts.tools)

    @cached_property
    def _kernel(self) -> Node:
        parts = self._parts
        options = KernelEbuildOptions(
            name=parts.manifest.name,
            title=parts.selection.title,
            version=parts.manifest.version,
            flavour=parts.selection.flavour,
            maintainer=parts.maintainer,
        )
        inputs: dict[str, Input] = {"source": parts.kernel_source, "kernel": parts.kernel, **parts.kernel_patches}
        return Node(KERNEL, KernelEbuildStage(options), inputs, parts.tools)
