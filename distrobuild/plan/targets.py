"""A selection and its lock as a plan: which stages there are, and what each reads."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.lock import Lock
from distrobuild.manifest.models import AptSource, FolderSource
from distrobuild.plan.graph import Input, Node, Plan, Tree
from distrobuild.plan.locking import TOOLS, image_section, kernel_section
from distrobuild.plan.selection import Selection
from distrobuild.stages.boot import BootOptions, BootStage
from distrobuild.stages.customise import CustomiseOptions, CustomiseStage
from distrobuild.stages.deb import DebOptions, DebStage
from distrobuild.stages.fetch import FetchOptions, FetchStage, File
from distrobuild.stages.iso import IsoOptions, IsoStage
from distrobuild.stages.kernel import KernelOptions, KernelStage, fragment_input
from distrobuild.stages.repository import RepositoryOptions, RepositoryStage
from distrobuild.stages.rootfs import RootfsOptions, RootfsStage
from distrobuild.stages.tools import ToolsOptions, ToolsStage

FIRMWARES = ("seabios", "ovmf")


def plan_target(selection: Selection, lock: Lock) -> Plan:
    """The plan of a selection whose sections the lock all holds."""
    nodes = _Nodes(selection, lock)
    goals = nodes.boots or (nodes.iso,)
    return Plan(selection.name, goals, selection.manifest.epoch, selection.architecture)


class _Nodes:
    """The nodes of one selection, each made once."""

    def __init__(self, selection: Selection, lock: Lock) -> None:
        self.selection = selection
        self.lock = lock
        self.manifest = selection.manifest
        self.maintainer = f"{selection.title} <{self.manifest.name}@localhost>"

    @cached_property
    def tools(self) -> Node:
        section = self.lock.sections[TOOLS]
        options = ToolsOptions(
            suite=section.request.suite, architecture=self.selection.architecture, packages=section.request.install
        )
        return Node("tools", ToolsStage(options), {"debs": self._fetch("tools", TOOLS)})

    @cached_property
    def kernel(self) -> Node:
        chosen, flavour = self.selection.kernel, self.selection.kernel_flavour
        fragments = (*chosen.config, *flavour.config)
        inputs: dict[str, Input] = {"source": self._kernel_source()}
        inputs |= {fragment_input(path): self._tree(path) for path in fragments}
        if chosen.patches is not None:
            inputs["patches"] = self._tree(chosen.patches)
        options = KernelOptions(
            name=self.selection.target.kernel,
            distribution=self.manifest.name,
            version=self.manifest.version,
            flavour=self.selection.flavour,
            maintainer=self.maintainer,
            base_config=flavour.base_config,
            config=fragments,
            patches=chosen.patches,
        )
        return Node("kernel", KernelStage(options), inputs, self.tools)

    @cached_property
    def debs(self) -> tuple[Node, ...]:
        return tuple(self._deb(name) for name in self.selection.contents.packages)

    @cached_property
    def repository(self) -> Node:
        inputs: dict[str, Input] = {"debs/kernel": self.kernel}
        inputs |= {f"debs/{node.name.removeprefix('deb/')}": node for node in self.debs}
        if self.manifest.signing is not None:
            inputs["key"] = self._tree(self.manifest.signing.key)
        options = RepositoryOptions(
            name=self.manifest.name,
            title=self.selection.title,
            codename=self.selection.base.suite,
            architecture=self.selection.architecture,
        )
        return Node("repository", RepositoryStage(options), inputs, self.tools)

    def _deb(self, name: str) -> Node:
        options = DebOptions(
            package=name,
            name=self.manifest.name,
            title=self.selection.title,
            version=self.manifest.version,
            maintainer=self.maintainer,
            base_distribution=self.selection.base.distribution,
            base_suite=self.selection.base.suite,
        )
        return Node(f"deb/{name}", DebStage(options), {"package": self._tree(f"packages/{name}")}, self.tools)

    def _kernel_source(self) -> Input:
        source = self.selection.kernel.source
        if isinstance(source, AptSource):
            return self._fetch("kernel", kernel_section(self.selection))
        if isinstance(source, FolderSource):
            return self._tree(source.folder)
        raise NotImplementedError

    def _fetch(self, name: str, section: str) -> Node:
        packages = self.lock.sections[section].packages
        files = tuple(File(name=package.name, size=package.size, sha256=package.sha256) for package in packages)
        addresses = {package.sha256: package.url for package in packages}
        return Node(f"fetch/{name}", FetchStage(FetchOptions(files=files), addresses))

    def _tree(self, path: str) -> Tree:
        return Tree((self.selection.root / Path(path).expanduser()).absolute(), path)
