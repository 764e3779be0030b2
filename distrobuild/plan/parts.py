"""The parts that every target is made of: tools, kernel, packages, repository, and a root file system with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.formats.patch_series import shared_folders
from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.lock import Lock
from distrobuild.manifest.models import AptSource, GitSource, Kernel, KernelOrgSource
from distrobuild.manifest.targets import FlatcarTarget, Tests
from distrobuild.plan import driver_modules
from distrobuild.plan.graph import Input, Node, Tree
from distrobuild.plan.locking import TOOLS, image_section, kernel_section
from distrobuild.plan.selection import Selection
from distrobuild.stages import module_signing
from distrobuild.stages.boot import BootOptions, BootStage, box_tests_input
from distrobuild.stages.customise import CustomiseOptions, CustomiseStage, SourceOptions, UserOptions
from distrobuild.stages.deb import DebOptions, DebStage
from distrobuild.stages.fetch import FetchOptions, FetchStage, File
from distrobuild.stages.git import GitOptions, GitStage
from distrobuild.stages.install import InstallOptions, InstallStage
from distrobuild.stages.kernel import KernelOptions, KernelStage
from distrobuild.stages.kernel_prepare import TreeOptions, fragment_input
from distrobuild.stages.kernel_source import SHARED
from distrobuild.stages.lint import LintOptions, LintStage
from distrobuild.stages.repository import RepositoryOptions, RepositoryStage
from distrobuild.stages.rootfs import RootfsOptions, RootfsStage
from distrobuild.stages.squashfs import SquashfsOptions, SquashfsStage
from distrobuild.stages.tools import ToolsOptions, ToolsStage
from distrobuild.stages.verify import VerifyOptions, VerifyStage

KERNEL_ORG = "https://cdn.kernel.org/pub/linux/kernel"


class Parts:
    """The nodes of one selection that do not depend on the kind of image, each made once."""

    def __init__(self, selection: Selection, lock: Lock) -> None:
        self.selection = selection
        self.lock = lock
        self.manifest = selection.manifest
        self.maintainer = self.manifest.contact
        self._debs: dict[str, Node] = {}
        self._kernels: dict[str, Node] = {}

    @cached_property
    def tools(self) -> Node:
        section = self.lock.sections[TOOLS]
        options = ToolsOptions(
            suite=section.request.suite, architecture=self.selection.architecture, packages=section.request.install
        )
        return Node("tools", ToolsStage(options), {"debs": self.fetch("tools", TOOLS)})

    @property
    def kernel(self) -> Node:
        """The kernel of the image."""
        return self.kernel_in(self.selection.flavour)

    def kernel_in(self, flavour: str) -> Node:
        """The target's kernel in one of its flavours; the same node whoever asks."""
        if flavour not in self._kernels:
            name = "kernel" if flavour == self.selection.flavour else f"kernel/{flavour}"
            self._kernels[flavour] = self._kernel(name, flavour)
        return self._kernels[flavour]

    def _kernel(self, node: str, flavour: str) -> Node:
        name, chosen = self.selection.target.kernel, self.selection.kernel
        # Whoever asks makes a system.
        assert name is not None
        assert chosen is not None
        tree = self.kernel_tree(flavour)
        options = KernelOptions(
            **tree.model_dump(), name=name, maintainer=self.maintainer, selftests=self._selftests(chosen, flavour)
        )
        return Node(node, KernelStage(options), {**self.kernel_inputs(tree), **self.module_key}, self.tools)

    @property
    def module_key(self) -> dict[str, Input]:
        """The input of a stage that signs modules of the kernel; none where they are not signed."""
        kernel = self.selection.kernel
        assert kernel is not None
        return {} if kernel.module_key is None else {module_signing.KEY: self.tree(kernel.module_key, secret=True)}

    @cached_property
    def driver_modules(self) -> tuple[Node, ...]:
        """Modules of drivers that the kernel lacks, each driver's compiled for it."""
        return driver_modules.nodes(self)

    def kernel_tree(self, flavour: str) -> TreeOptions:
        """The tree that a flavour of the kernel is compiled from."""
        kernel = self.selection.kernel
        assert kernel is not None
        chosen = kernel.flavours[flavour]
        return TreeOptions(
            distribution=self.manifest.name,
            version=self.manifest.version,
            flavour=flavour,
            base_config=chosen.base_config,
            config=kernel.fragments(chosen),
            patches=kernel.patches,
        )

    def kernel_inputs(self, options: TreeOptions) -> dict[str, Input]:
        """What a stage reads that prepares this tree."""
        fragments = {fragment_input(path): self.tree(path) for path in options.config}
        return {"source": self.kernel_source, **self.kernel_patches, **fragments}

    def _selftests(self, kernel: Kernel, flavour: str) -> tuple[str, ...]:
        """Those that a test boots in this flavour."""
        tests = [test for test in kernel.tests.values() if (test.flavour or self.selection.flavour) == flavour]
        return tuple(sorted({test.selftest for test in tests if test.selftest}))

    @cached_property
    def kernel_patches(self) -> dict[str, Input]:
        """The inputs of a stage that reads the kernel's series: its folder, and those beside it with shared patches."""
        assert self.selection.kernel is not None
        if (name := self.selection.kernel.patches) is None:
            return {}
        shared = shared_folders(self.selection.root / name)
        beside = {f"{SHARED}{each}": self.tree(f"{Path(name).parent / each}") for each in shared}
        return {"patches": self.tree(name), **beside}

    @cached_property
    def kernel_source(self) -> Input:
        """Where the kernel's tree comes from."""
        assert self.selection.kernel is not None
        source = self.selection.kernel.source
        if isinstance(source, AptSource):
            return self.fetch("kernel", kernel_section(self.selection))
        if isinstance(source, GitSource):
            return Node("git/kernel", GitStage(GitOptions(commit=source.commit), source.git), {}, self.tools)
        if isinstance(source, KernelOrgSource):
            return self._kernel_org(source)
        return self.tree(source.folder)

    @cached_property
    def debs(self) -> tuple[Node, ...]:
        return tuple(self.deb(name) for name in self.selection.contents.packages)

    @cached_property
    def repository(self) -> Node:
        inputs: dict[str, Input] = {"debs/kernel": self.kernel}
        inputs |= {f"debs/{node.name.removeprefix('deb/')}": node for node in (*self.debs, *self.driver_modules)}
        if self.manifest.signing is not None:
            inputs["key"] = self.tree(self.manifest.signing.key, secret=True)
        options = RepositoryOptions(
            name=self.manifest.name,
            title=self.selection.title,
            codename=self.selection.base.suite,
            architecture=self.selection.architecture,
        )
        return Node("repository", RepositoryStage(options), inputs, self.tools)

    @cached_property
    def rootfs(self) -> Node:
        """All that comes from the base's archive; what the project's own packages need of it is in the request."""
        selection = self.selection
        section = image_section(selection)
        options = RootfsOptions(
            suite=selection.base.suite,
            packages=self.lock.sections[section].request.install,
            architecture=selection.architecture,
            locale=selection.target.locale,
            start="verity" if isinstance(selection.target, FlatcarTarget) else "live",
            documentation=selection.contents.documentation,
        )
        return Node("rootfs", RootfsStage(options), {"debs": self.fetch("base", section)}, self.tools)

    @cached_property
    def install(self) -> Node:
        kernel = f"{self.manifest.name}-{self.selection.flavour}"
        made_here = (f"{name}-{kernel}" for name in ("linux-image", *driver_modules.packages(self.driver_modules)))
        packages = tuple(sorted({*self.selection.contents.packages, *made_here}))
        options = InstallOptions(suite=self.selection.base.suite, packages=packages)
        inputs = {"rootfs": self.rootfs, "repository": self.repository}
        return Node("install", InstallStage(options), inputs, self.tools)

    @cached_property
    def customise(self) -> Node:
        target = self.selection.target
        options = CustomiseOptions(
            hostname=target.hostname or self.manifest.name,
            users=tuple(UserOptions(**user.model_dump()) for user in target.users),
            locale=target.locale,
            timezone=target.timezone,
            sources=self._sources(),
            dev=self.selection.dev,
        )
        inputs: dict[str, Input] = {"rootfs": self.rootfs, "install": self.install}
        if target.overlay is not None:
            inputs["overlay"] = self.tree(target.overlay)
        return Node("customise", CustomiseStage(options), inputs, self.tools)

    @property
    def file_stem(self) -> str:
        """Name of an image without its suffix: `mlos-1.0.0-vm-amd64`."""
        selection = self.selection
        return f"{self.manifest.name}-{self.manifest.version}-{selection.flavour}-{selection.architecture}"

    def squashfs(self, name: str, tree: Node, archive: str) -> Node:
        """A stage that packs an archive which another stage has made."""
        return Node(name, SquashfsStage(SquashfsOptions(archive=archive)), {"tree": tree}, self.tools)

    def boots(
        self, image: Node, ways: Mapping[Firmware, Medium], beside: Mapping[str, Node] | None = None, kind: str = ""
    ) -> tuple[Node, ...]:
        """A boot of the image by each firmware, as the medium that goes with it; the image alone without box tests.

        `beside` are further inputs of the boot stage. `kind` tells the boots of a target's further images (`pxe`).
        """
        tests = self.selection.contents.tests
        if tests is None:
            return (image,)
        names = {firmware: f"boot/{kind}-{firmware}" if kind else f"boot/{firmware}" for firmware in ways}
        return tuple(
            self._boot(names[firmware], image, tests, firmware, medium, beside or {}, further=bool(kind))
            for firmware, medium in ways.items()
        )

    def _boot(
        self,
        name: str,
        image: Node,
        tests: Tests,
        firmware: Firmware,
        medium: Medium,
        beside: Mapping[str, Node],
        *,
        further: bool,
    ) -> Node:
        options = BootOptions(
            firmware=firmware,
            medium=medium,
            memory_mib=tests.memory_mib,
            cpus=tests.cpus,
            disks_mib=tests.disks_mib,
            timeout_seconds=tests.timeout_seconds,
            tests=tests.folders,
            further=further,
            name=self.manifest.name,
            version=self.manifest.version,
            flavour=self.selection.flavour,
            base_distribution=self.selection.base.distribution,
            packages=self.selection.contents.packages,
            drivers=self.selection.contents.drivers,
        )
        inputs: dict[str, Input] = {"image": image, "kernel": self.kernel, "repository": self.repository, **beside}
        inputs |= {box_tests_input(folder): self.tree(folder) for folder in tests.folders}
        return Node(name, BootStage(options), inputs, self.tools)

    def _sources(self) -> tuple[SourceOptions, ...]:
        """Where the image fetches updates: the archive it was made from, verified by the key it carries."""
        keyring = DISTRIBUTIONS[self.selection.base.distribution].keyring
        return tuple(
            SourceOptions(uri=place.mirror, suites=place.suites, components=place.components, keyring=keyring)
            for place in self.lock.sections[image_section(self.selection)].repositories
        )

    def deb(self, name: str) -> Node:
        """A package of the project; the same node whoever asks."""
        if name not in self._debs:
            self._debs[name] = self._deb(name)
        return self._debs[name]

    @property
    def lints(self) -> tuple[Node, ...]:
        """The judgement of every package that something has asked for. Nothing waits for it, but the build fails."""
        return tuple(
            Node(f"lint/{name}", LintStage(LintOptions()), {"package": deb}, self.tools)
            for name, deb in self._debs.items()
        )

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
        return Node(f"deb/{name}", DebStage(options), {"package": self.tree(f"packages/{name}")}, self.tools)

    def _kernel_org(self, source: KernelOrgSource) -> Node:
        name = f"linux-{source.version}.tar.xz"
        address = f"{KERNEL_ORG}/v{source.version.partition('.')[0]}.x/{name}"
        options = FetchOptions(files=(File(name=name, size=None, sha256=source.sha256),))
        fetched = Node("fetch/kernel", FetchStage(options, {source.sha256: source.mirror or address}))
        if source.signature is None or source.keyring is None:
            return fetched
        inputs: dict[str, Input] = {
            "source": fetched,
            "signature": self.tree(source.signature),
            "keyring": self.tree(source.keyring),
        }
        return Node("verify/kernel", VerifyStage(VerifyOptions()), inputs, self.tools)

    def fetch(self, name: str, section: str) -> Node:
        """The stage `fetch/NAME` that brings every package of a section of the lock."""
        packages = self.lock.sections[section].packages
        files = tuple(File(name=package.name, size=package.size, sha256=package.sha256) for package in packages)
        addresses = {package.sha256: package.url for package in packages}
        return Node(f"fetch/{name}", FetchStage(FetchOptions(files=files), addresses))

    def tree(self, path: str, *, secret: bool = False, large: bool = False) -> Tree:
        """A source of the project, by its path relative to the manifest."""
        return Tree((self.selection.root / Path(path).expanduser()).absolute(), path, secret, large)
