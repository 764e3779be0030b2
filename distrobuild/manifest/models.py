"""The declared world: every key of `distro.yaml`, with its type, its default and its documentation.

`explain`, the JSON Schema and the manifest reference are generated from these docstrings and fields.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ProjectPath = Annotated[str, StringConstraints(pattern=r"^[^/~].*$")]


class Model(BaseModel):
    """Base of every part of the manifest: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class DistributionName(StrEnum):
    """A distribution whose archive can be the base."""

    DEBIAN = "debian"
    UBUNTU = "ubuntu"


class Base(Model):
    """The archive that the image's packages come from."""

    distribution: DistributionName
    """Whose archive: `ubuntu` or `debian`."""
    suite: Name
    """Release code name, for example `noble` or `trixie`; updates and security suites come with it."""
    mirror: str | None = None
    """Address of the archive (`http://`, `https://`, `file:///`). Default: the host's own apt sources if they serve this distribution, else mmdebstrap's default."""
    keyring: str | None = None
    """OpenPGP keyring file that signs the archive. Default: the distribution's own keyring package."""
    snapshot: str | None = Field(default=None, pattern=r"^\d{8}T\d{6}Z$")
    """Timestamp (`20260101T000000Z`) of a snapshot archive, where the distribution has one."""


class AptSource(Model):
    """Kernel source from a Debian source-tree package of the tools root's archive."""

    apt: Name
    """Package that carries the tree, for example `linux-source-6.12`."""


class KernelOrgSource(Model):
    """Kernel source as a release tarball of kernel.org."""

    version: str = Field(alias="kernel.org", pattern=r"^\d+\.\d+(\.\d+)?$")
    """Release, for example `6.12.40`."""
    sha256: Sha256
    """Digest of the `linux-VERSION.tar.xz`."""


class GitSource(Model):
    """Kernel source as one commit of a git repository."""

    git: str
    """Address of the repository."""
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    """Full commit id; branches and tags move, so they are not taken."""


class FolderSource(Model):
    """Kernel source as a folder on this machine, for work in progress."""

    folder: str
    """Path of the tree, absolute or relative to the manifest."""


class KernelFlavour(Model):
    """One way to configure a kernel."""

    base_config: Name = "x86_64_defconfig"
    """The make target that the configuration starts from."""
    config: tuple[ProjectPath, ...] = ()
    """Fragments applied in order after the kernel's own ones; later wins. Every symbol asked for must survive."""


class Kernel(Model):
    """A kernel: source, patches, configuration."""

    source: AptSource | KernelOrgSource | GitSource | FolderSource
    """Where the tree comes from."""
    patches: ProjectPath | None = None
    """Folder with a `series` file and its patches, applied with zero fuzz."""
    config: tuple[ProjectPath, ...] = ()
    """Configuration fragments that every flavour gets."""
    flavours: dict[Name, KernelFlavour] = Field(default_factory=lambda: {"server": KernelFlavour()})
    """Flavours by name; a target picks one."""


class User(Model):
    """A person who can log in to the image, by ssh key only."""

    name: Name
    """Login name."""
    groups: tuple[Name, ...] = ()
    """Supplementary groups, for example `sudo`."""
    ssh_keys: tuple[str, ...] = ()
    """Public keys, as in `authorized_keys`."""
    shell: str = "/bin/bash"
    """Login shell."""


class Tests(Model):
    """How a built image is proven."""

    path: ProjectPath
    """Folder of pytest files with box tests."""
    memory_mib: int = Field(default=2048, ge=256)
    """Memory of the guest, in MiB."""
    cpus: int = Field(default=2, ge=1)
    """Virtual processors of the guest."""
    timeout_seconds: float = Field(default=600, gt=0)
    """How long the guest may take to boot, in seconds, before the test fails."""


class Contents(Model):
    """What stands in an image; a flavour of a target may override each of these."""

    packages: tuple[Name, ...] = ()
    """Packages of this project (`packages/NAME`) to build and install."""
    install: tuple[Name, ...] = ()
    """Packages of the base's archive to install."""
    documentation: bool = True
    """Keep manual pages and `/usr/share/doc` (copyright files always stay)."""
    tests: Tests | None = None
    """Box tests; without them the image is built but not proven."""


class UbuntuTarget(Contents):
    """A live and install ISO of Ubuntu or Debian content."""

    base: Base
    """The archive that the packages come from; `--base` overrides it."""
    kernel: Name
    """Which of `kernels` boots."""
    flavour: Name = "server"
    """Flavour of the kernel and of the contents; `--flavour` overrides it."""
    flavours: dict[Name, Contents] = Field(default_factory=dict)
    """Contents that replace the target's own, key by key, when that flavour is built."""
    overlay: ProjectPath | None = None
    """Folder copied over the installed root file system."""
    users: tuple[User, ...] = ()
    """People who can log in. There is never a default password."""
    locale: str = "C.UTF-8"
    """System locale."""
    timezone: str = "UTC"
    """System time zone."""
    hostname: Name | None = None
    """Host name; default: the distribution's name."""
    outputs: tuple[Literal["iso"], ...] = ("iso",)
    """Image formats to make."""


class Signing(Model):
    """The key that signs the package repository."""

    key: str
    """File with an ASCII-armoured OpenPGP secret key. Without `signing`, a build makes a throw-away key."""


class Tools(Model):
    """The tools root: the Debian root file system that supplies every program of a build."""

    suite: Name = "trixie"
    """Debian release."""
    mirror: str | None = None
    """Address of the archive; default as for a base."""
    keyring: str | None = None
    """OpenPGP keyring file that signs the archive."""
    snapshot: str | None = Field(default=None, pattern=r"^\d{8}T\d{6}Z$")
    """Timestamp of a snapshot archive."""
    packages: tuple[Name, ...] = ()
    """Programs beyond distrobuild's own list."""


class Manifest(Model):
    """What the distribution is. The only file a user has to write."""

    name: Name
    """Short name of the distribution; goes into os-release, the volume id and file names."""
    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.+~-]*$")
    """Version of the distribution."""
    title: str | None = None
    """Name for people, for example `MLOS Linux`; default: `name`."""
    epoch: int = Field(default=1767225600, ge=0)
    """The fixed clock of a build (SOURCE_DATE_EPOCH), in seconds since 1970. Default: 2026-01-01."""
    kernels: dict[Name, Kernel] = Field(default_factory=dict)
    """Kernels by name."""
    targets: dict[Name, UbuntuTarget] = Field(default_factory=dict)
    """Things to build, by name."""
    signing: Signing | None = None
    """Key of the package repository."""
    tools: Tools = Tools()
    """The tools root."""
