"""The things that can be built: each kind of target with its keys."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag

from distrobuild.manifest.flatcar_sources import NO_SOURCE, DebianSource, FlatcarSource, OfficialSource, ReleaseSource
from distrobuild.manifest.values import (
    ABSOLUTE_PATH,
    ARCHIVE_ADDRESS,
    CONTAINER_NAME,
    CONTAINER_USER,
    DEFAULT_FLAVOUR,
    FOLDER,
    KERNEL_ARGUMENT,
    LOCALE,
    MODULE,
    ONE_LINE,
    PORT,
    PUBLIC_KEY,
    TIMESTAMP,
    VARIABLE,
    AccountName,
    DistributionName,
    DriverName,
    Model,
    Name,
    ProjectPath,
)


class Base(Model):
    """The archive that the image's packages come from."""

    distribution: DistributionName
    """Whose archive: `ubuntu` or `debian`."""
    suite: Name
    """Release code name, for example `noble` or `trixie`; updates and security suites come with it."""
    mirror: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Address of the archive (`http://`, `https://`, `file:///`). Default: the host's own apt sources if they serve
    this distribution, else mmdebstrap's default."""
    keyring: str | None = None
    """OpenPGP keyring file that signs the archive. Default: the distribution's own keyring package."""
    snapshot: str | None = Field(default=None, pattern=TIMESTAMP)
    """Timestamp (`20260101T000000Z`) of a snapshot archive, where the distribution has one."""


class User(Model):
    """A person who can log in to the image, by ssh key only."""

    name: AccountName
    """Login name."""
    groups: tuple[AccountName, ...] = ()
    """Supplementary groups. Who is in `sudo` becomes root without a password, since nobody has one."""
    ssh_keys: tuple[Annotated[str, StringConstraints(pattern=PUBLIC_KEY)], ...] = ()
    """Public keys, as in `authorized_keys`."""
    shell: Annotated[str, StringConstraints(pattern=ABSOLUTE_PATH)] = "/bin/bash"
    """Login shell."""


class Tests(Model):
    """How a built image is proven."""

    path: ProjectPath | Annotated[tuple[ProjectPath, ...], Field(min_length=1)]
    """Folder of pytest files with box tests, or a list of folders whose tests run in this order on one boot."""
    memory_mib: int = Field(default=2048, ge=256)
    """Memory of the guest, in MiB."""
    cpus: int = Field(default=2, ge=1)
    """Virtual processors of the guest."""
    disks_mib: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Sizes of empty disks beside the image, in MiB; their serial numbers in the guest are `disk0`, `disk1`, ..."""
    timeout_seconds: float = Field(default=600, gt=0)
    """How long the guest may take to boot, in seconds, before the test fails."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of `path`, in order."""
        paths = (self.path,) if isinstance(self.path, str) else self.path
        return tuple(str(PurePosixPath(path)) for path in paths)


class Contents(Model):
    """What stands in an image."""

    packages: tuple[Name, ...] = ()
    """Packages of this project (`packages/NAME`) to build and install."""
    install: tuple[Name, ...] = ()
    """Packages of the base's archive to install."""
    drivers: tuple[DriverName, ...] = ()
    """Accelerators that the image is for: their firmware, and for `nvidia-open` modules, made for its kernel."""
    documentation: bool = True
    """Keep manual pages and `/usr/share/doc` (copyright files always stay)."""
    tests: Tests | None = None
    """Box tests; without them the image is built but not proven."""


def _without_defaults(schema: dict[str, Any]) -> None:
    for key in schema["properties"].values():
        key.pop("default", None)


class FlavourContents(Contents):
    """Contents of one flavour: what is not written here stays as the target has it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class SystemTarget(Contents):
    """What every kind of target has: what the system is called and holds."""

    flavour: Name = DEFAULT_FLAVOUR
    """Flavour of the kernel and of the contents; `--flavour` overrides it."""
    flavours: dict[Name, FlavourContents] = Field(default_factory=dict)
    """Contents that replace the target's own, key by key, when that flavour is built."""
    overlay: ProjectPath | None = None
    """Folder copied over the installed root file system."""
    users: tuple[User, ...] = ()
    """People who can log in. There is never a default password."""
    locale: Annotated[str, StringConstraints(pattern=LOCALE)] = "C.UTF-8"
    """System locale."""
    timezone: str = "UTC"
    """System time zone."""
    hostname: Name | None = None
    """Host name; default: the distribution's name."""
    kernel_arguments: tuple[Annotated[str, StringConstraints(pattern=KERNEL_ARGUMENT)], ...] = ()
    """Words added to the command line of the kernel. Under Secure Boot, a release of Flatcar leaves them out."""

    @property
    def own_kernel(self) -> bool:
        """Whether what is made starts a kernel of the manifest."""
        return True


class UbuntuTarget(SystemTarget):
    """A live and install ISO of Ubuntu or Debian content."""

    base: Base
    """The archive that the packages come from; `--base` overrides it."""
    kernel: Name
    """Which of `kernels` boots; needed where a system is made of packages."""
    outputs: tuple[Literal["iso"], ...] = ("iso",)
    """What to make of a live medium: `iso`."""


class SysextSigning(Model):
    """The key that an extension is signed with."""

    key: str
    """File with the private RSA key, PEM without passphrase; it may stand outside of the project."""
    certificate: ProjectPath
    """File with the key's certificate, PEM; machines that shall trust the extension have it in `/etc/verity.d`."""


class Extension(Model):
    """What every kind of system extension has: how its image is made and published."""

    format: Literal["squashfs", "erofs"] = "squashfs"
    """File system of the image."""
    updates: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Folder on the web where newer versions are published; systemd-sysupdate looks there."""
    signing: SysextSigning | None = None
    """Make a signed disk image with a hash tree; without it, the file system alone."""


class Sysext(Extension):
    """A system extension made of packages of this project, for machines whose `/usr` is read-only."""

    packages: tuple[Name, ...] = Field(min_length=1)
    """Packages of this project (`packages/NAME`) that it holds."""
    fits: Literal["flatcar", "any"] = "flatcar"
    """`flatcar`: any release of Flatcar, and nothing else; `any`: every system with systemd."""


class KernelModules(Extension):
    """A system extension with modules of the kernel, for this version of this distribution and nothing else."""

    modules: tuple[Annotated[str, StringConstraints(pattern=MODULE)], ...] = Field(min_length=1)
    """Modules by name, as `modprobe` takes them; those that they need come along."""


class Container(Model):
    """An image for container runtimes: a small base, and what is installed on it."""

    description: Annotated[str, StringConstraints(pattern=ONE_LINE)] | None = None
    """What runs in it, in one line; default: its name."""
    packages: tuple[Name, ...] = ()
    """Packages of this project (`packages/NAME`) that it holds."""
    install: tuple[Name, ...] = ()
    """Packages of the base's archive that it holds, beside a small base of its own."""
    entrypoint: tuple[str, ...] = ()
    """Program that a start runs, by its absolute path, and arguments that it always gets."""
    command: tuple[str, ...] = ()
    """Arguments that follow, unless the start names others; without `entrypoint`, the program first."""
    environment: dict[
        Annotated[str, StringConstraints(pattern=VARIABLE)], Annotated[str, Field(description="Value of the variable.")]
    ] = Field(default_factory=dict)
    """Variables of the program's environment. `PATH` is set without being named."""
    user: Annotated[str, StringConstraints(pattern=CONTAINER_USER)] | None = None
    """Who runs the program: a user of the image, or a number. Default: root."""
    working_directory: Annotated[str, StringConstraints(pattern=ABSOLUTE_PATH)] = "/"
    """Where the program starts."""
    ports: tuple[Annotated[str, StringConstraints(pattern=PORT)], ...] = ()
    """Ports that the program serves, such as `8080/tcp`; the units publish them on the same numbers."""
    volumes: tuple[Annotated[str, StringConstraints(pattern=FOLDER)], ...] = ()
    """Folders whose content outlives a container; the units keep them below `/var/lib/NAME`."""


class Update(Model):
    """How machines of layout `flatcar` come to newer versions."""

    key: str | None = None
    """RSA private key (PEM, no passphrase, 2048 bits or more) that signs updates; machines trust no other. Without
    one a key is made and kept in the store, so that machines take what this store builds."""
    address: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] = "file:///var/lib/updates"
    """Folder (`https://`, `file:///`) in which a machine looks for newer versions: a copy of `out/TARGET/update`."""


OF_A_SYSTEM = (
    *Contents.model_fields,
    *("kernel", "flavour", "flavours", "overlay", "locale", "timezone"),
    *("layout", "outputs", "update", "kernel_modules", "containers"),
)
"""Keys that only a system has which is made here."""
OF_A_KERNEL = ("kernel", "flavour")
"""Those of them that a release of Flatcar has as well, if it gets a kernel of this project."""


class FlatcarTarget(SystemTarget):
    """A disk image with a read-only, verified `/usr` in two slots, set up by Ignition at its first boot."""

    source: FlatcarSource
    """Where `/usr` comes from: packages of Debian, a release of Flatcar, or nowhere (`none`: there is no image)."""
    kernel: Name | None = None
    """Which of `kernels` boots; needed where a system is made of packages, and with `level: kernel`."""
    layout: Literal["flatcar", "systemd"] = "flatcar"
    """Partitions as Flatcar has them, or as systemd finds and updates them by itself."""
    outputs: tuple[Literal["raw", "qcow2", "vmdk", "vhd", "gce", "pxe", "iso"], ...] = ("raw",)
    """What to make of a disk: `raw` (always made, since the next ones hold it), `qcow2` for QEMU, `vmdk` for VMware,
    `vhd` for Azure, `gce` for Google's Compute Engine; of its system, in memory, `pxe` for the network and `iso`."""
    sysext: Sysext | None = None
    """A system extension to make beside the image."""
    ebuilds: bool = False
    """Make an ebuild of every package of this project and of the kernel, in a Portage repository, and signed binary
    packages of those."""
    kernel_modules: KernelModules | None = None
    """A system extension with modules of the kernel, called `NAME-modules`."""
    containers: dict[Annotated[str, StringConstraints(pattern=CONTAINER_NAME)], Container] = Field(default_factory=dict)
    """Container images to make beside the image, by name."""
    ignition: ProjectPath | None = None
    """Butane file of what sets a machine up at its first boot: in the box tests, and where a release of Flatcar is the
    source, whose image carries the config."""
    update: Update = Update()
    """How machines come to newer versions, with `layout: flatcar`."""

    @property
    def base(self) -> Base | None:
        """The archive of `source`, as `--base` would name it; None where no archive makes the system."""
        source = self.source
        if not isinstance(source, DebianSource):
            return None
        return Base(
            distribution=DistributionName.DEBIAN,
            suite=source.debian,
            mirror=source.mirror,
            keyring=source.keyring,
            snapshot=source.snapshot,
        )

    @property
    def own_kernel(self) -> bool:
        """Whether machines start a kernel of the manifest, and not Flatcar's."""
        if isinstance(self.source, OfficialSource | ReleaseSource):
            return self.source.level == "kernel"
        return isinstance(self.source, DebianSource)

    @property
    def unused_keys(self) -> tuple[str, ...]:
        """Keys that are written, but say nothing where `source` is, in the order of the alphabet."""
        unused = set() if isinstance(self.source, DebianSource) else set(OF_A_SYSTEM)
        unused -= set(OF_A_KERNEL) if self.own_kernel else set()
        unused |= {"kernel_arguments"} if self.source == NO_SOURCE else set()
        return tuple(sorted(self.model_fields_set.intersection(unused)))


def target_form(target: object) -> str:
    """Name of the class that `target` is written for: a key that only one kind has tells, `base` or none an ISO.

    Always a kind, so that all the mistakes of a target are found, also where the telling key itself is one.
    """
    if isinstance(target, dict):
        own = FlatcarTarget.model_fields.keys() - UbuntuTarget.model_fields.keys()
        return (FlatcarTarget if own & target.keys() else UbuntuTarget).__name__
    return type(target).__name__


Target = Annotated[
    Annotated[UbuntuTarget, Tag("UbuntuTarget")] | Annotated[FlatcarTarget, Tag("FlatcarTarget")],
    Discriminator(target_form),
    Field(description="A thing to build: a live medium, or a disk image with a verified `/usr`."),
]
