"""The declared world: every key of `distro.yaml`, with its type, its default and its documentation.

`explain`, the JSON Schema and the manifest reference are generated from these docstrings and fields.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, StringConstraints, Tag

from distrobuild.manifest.flatcar_sources import form_by_key
from distrobuild.manifest.kernel_tests import KernelTest
from distrobuild.manifest.targets import Target
from distrobuild.manifest.values import (
    ARCHIVE_ADDRESS,
    COMMIT,
    CONFIG_TARGET,
    DEFAULT_FLAVOUR,
    KERNEL_VERSION,
    MAINTAINER,
    TIMESTAMP,
    VERSION,
    Model,
    Name,
    ProjectPath,
    Sha256,
)


class AptSource(Model):
    """Kernel source from a Debian source-tree package of the tools root's archive."""

    apt: Name
    """Package that carries the tree, for example `linux-source-6.12`."""
    suite: Name | None = None
    """Debian release that has it; default: that of the tools root. Only the tree is taken from there."""
    check_valid_until: bool = True
    """`false` also takes an index that has expired, as a mirror that stands still has it. It is signed all the same."""


class KernelOrgSource(Model):
    """Kernel source as a release tarball of kernel.org."""

    version: str = Field(alias="kernel.org", pattern=KERNEL_VERSION)
    """Release, for example `6.12.40`."""
    sha256: Sha256
    """Digest of the `linux-VERSION.tar.xz`."""
    mirror: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Address of that file, where it is not fetched from kernel.org itself."""
    signature: ProjectPath | None = None
    """File with the detached signature of the uncompressed tar file (`linux-VERSION.tar.sign`), checked if named."""
    keyring: ProjectPath | None = None
    """File with the public keys whose signature counts, as gpgv reads them; named together with `signature`."""


class GitSource(Model):
    """Kernel source as one commit of a git repository."""

    git: str
    """Address of the repository."""
    commit: str = Field(pattern=COMMIT)
    """Full commit id; branches and tags move, so they are not taken."""


class FolderSource(Model):
    """Kernel source as a folder on this machine, for work in progress."""

    folder: str
    """Path of the tree, absolute or relative to the manifest."""


SOURCE_FORMS: dict[str, type[Model]] = {
    "apt": AptSource,
    "kernel.org": KernelOrgSource,
    "git": GitSource,
    "folder": FolderSource,
}
"""The forms of a kernel's source, by the key that tells them apart."""


def source_form(source: object) -> str | None:
    """Which form of a kernel's source `source` is written in; None where that cannot be told."""
    return form_by_key(source, SOURCE_FORMS)


Source = Annotated[
    Annotated[AptSource, Tag("AptSource")]
    | Annotated[KernelOrgSource, Tag("KernelOrgSource")]
    | Annotated[GitSource, Tag("GitSource")]
    | Annotated[FolderSource, Tag("FolderSource")],
    Discriminator(source_form),
]


class KernelFlavour(Model):
    """One way to configure a kernel."""

    base_config: Annotated[str, StringConstraints(pattern=CONFIG_TARGET)] = "x86_64_defconfig"
    """The make target that the configuration starts from."""
    config: tuple[ProjectPath, ...] = ()
    """Fragments applied in order after the kernel's own ones; later wins. Every symbol asked for must survive."""


class Kernel(Model):
    """A kernel: source, patches, configuration."""

    source: Source
    """Where the tree comes from."""
    patches: ProjectPath | None = None
    """Folder with a `series` file and its patches, applied with zero fuzz."""
    config: tuple[ProjectPath, ...] = ()
    """Configuration fragments that every flavour gets."""
    flavours: dict[Name, KernelFlavour] = Field(
        default_factory=lambda: {DEFAULT_FLAVOUR: KernelFlavour()}, json_schema_extra={"default": {DEFAULT_FLAVOUR: {}}}
    )
    """Flavours by name; a target picks one."""
    module_key: str | None = None
    """PEM file with an RSA key and its certificate, which signs the modules; it may stand outside of the project.
    Without it, modules are not signed, and load wherever the kernel is not locked down."""
    tests: dict[Name, KernelTest] = Field(default_factory=dict)
    """What `distrobuild kernel test` boots the bare kernel for, by name."""

    verify: tuple[ProjectPath, ...] = ()
    """What `distrobuild kernel verify` compiles after each patch: folders and objects, such as `kernel/sched/`."""

    def fragments(self, flavour: KernelFlavour) -> tuple[str, ...]:
        """Those of a flavour, in order."""
        return (*self.config, *flavour.config)


class Signing(Model):
    """The key that signs the package repository."""

    key: str
    """File with an ASCII-armoured OpenPGP secret key."""


class Tools(Model):
    """The tools root: the Debian root file system that supplies every program of a build."""

    suite: Name = "trixie"
    """Debian release."""
    mirror: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Address of the archive; default as for a base."""
    keyring: str | None = None
    """OpenPGP keyring file that signs the archive."""
    snapshot: str | None = Field(default=None, pattern=TIMESTAMP)
    """Timestamp of a snapshot archive."""
    packages: tuple[Name, ...] = ()
    """Programs beyond distrobuild's own list."""


class Manifest(Model):
    """What the distribution is. The only file a user has to write."""

    name: Name
    """Short name of the distribution; goes into os-release, the volume id and file names."""
    version: str = Field(pattern=VERSION)
    """Version of the distribution."""
    title: str | None = None
    """Name for people, for example `MLOS Linux`; default: `name`."""
    maintainer: str | None = Field(default=None, pattern=MAINTAINER)
    """`Name <mail@host>` of whoever answers for the packages that name nobody themselves. Default: the distribution's
    name, with an address that cannot exist."""
    epoch: int = Field(default=1767225600, ge=0)
    """The fixed clock of a build (SOURCE_DATE_EPOCH), in seconds since 1970. Default: 2026-01-01."""
    kernels: dict[Name, Kernel] = Field(default_factory=dict)
    """Kernels by name."""
    targets: dict[Name, Target] = Field(default_factory=dict)
    """Things to build, by name."""
    signing: Signing | None = None
    """The key that signs the package repository; without it, a build makes a throw-away key."""
    tools: Tools = Tools()
    """The tools root: the Debian root file system that supplies every program of a build."""

    @property
    def contact(self) -> str:
        """`maintainer`, else one whose domain is reserved for addresses that cannot exist (RFC 2606, section 2).

        Debian's package checker refuses `localhost` and domains of one word.
        """
        return self.maintainer or f"{self.title or self.name} <maintainers@{self.name}.invalid>"
