"""Which target, base and flavour a command is about, and what the manifest says for exactly these."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.formats.accounts import ADMINISTRATORS
from distrobuild.manifest import suggestion
from distrobuild.manifest.base import HostBase, parse_base
from distrobuild.manifest.distributions import DISTRIBUTIONS, locale_packages
from distrobuild.manifest.drivers import DRIVERS, DriverPackages
from distrobuild.manifest.flatcar_sources import NO_SOURCE, OfficialSource, ReleaseSource
from distrobuild.manifest.models import Kernel, KernelFlavour, Manifest, Tools
from distrobuild.manifest.targets import Base, Contents, FlatcarTarget, UbuntuTarget
from distrobuild.manifest.values import DistributionName, DriverName

OS_RELEASE = Path("/etc/os-release")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


LOST = (
    "machines start a kernel that Flatcar did not sign, with a /usr that it did not make: Secure Boot must be off, and "
    "there are no official updates; Flatcar's own system stays in the other slot"
)
"""What a release of Flatcar gives up for another kernel."""


class UnknownChoice(DistrobuildError):
    """A target, flavour or base that does not exist."""

    exit_code = 2


@dataclass(frozen=True)
class Selection:
    """One target on one base in one flavour; `contents` has the flavour's own values where it has any.

    `root` is the folder of the manifest, which its paths are relative to; `dev` adds a login on the consoles. Where the
    target makes no system of its own, there is no kernel, and `base` is where the tools root comes from: the project's
    packages are built with that.
    """

    manifest: Manifest
    root: Path
    name: str
    target: UbuntuTarget | FlatcarTarget
    base: Base
    flavour: str
    contents: Contents
    kernel: Kernel | None
    kernel_flavour: KernelFlavour | None
    dev: bool = False

    @property
    def title(self) -> str:
        """The distribution's name for people."""
        return self.manifest.title or self.manifest.name

    @property
    def base_name(self) -> str:
        """`debian:trixie`."""
        return f"{self.base.distribution}:{self.base.suite}"

    @property
    def origin(self) -> str:
        """For people: `debian:trixie, flavour server`, `flatcar.bin.bz2`, `Flatcar 4593.2.5`, `no image`."""
        source = self.target.source if isinstance(self.target, FlatcarTarget) else None
        name = self.base_name
        if isinstance(source, OfficialSource):
            name = Path(source.official).name
        if isinstance(source, ReleaseSource):
            name = f"Flatcar {source.release}"
        if source == NO_SOURCE:
            name = "no image"
        return f"{name}, flavour {self.flavour}" if self.target.own_kernel else name

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people should know before it is built."""
        remarks = [f"driver {name}: {driver.notice}" for name, driver in self.drivers.items()]
        if not isinstance(self.target, FlatcarTarget):
            return tuple(remarks)
        if unused := self.target.unused_keys:
            names = suggestion.quoted(unused, last=" and ")
            remarks.append(f"{names}: without effect, as this target makes no system of its own")
        if self.target.base is None and self.target.own_kernel:
            remarks.append(LOST)
        return tuple(remarks)

    @property
    def archive_packages(self) -> frozenset[str]:
        """What the image needs of the base's archive, beside what the project's own packages depend on."""
        table = DISTRIBUTIONS[self.base.distribution]
        initramfs = table.verity if isinstance(self.target, FlatcarTarget) else table.live
        needed = {*table.minimal, *initramfs, table.keyring_package, *locale_packages(self.target.locale)}
        if any(ADMINISTRATORS in user.groups for user in self.target.users):
            needed.add(ADMINISTRATORS)
        of_drivers = (package for driver in self.drivers.values() for package in driver.packages)
        return frozenset({*needed, *of_drivers, *self.contents.install})

    @property
    def drivers(self) -> dict[DriverName, DriverPackages]:
        """The drivers that the image is for, as far as its base has packages of them."""
        known = DRIVERS.get((self.base.distribution, self.base.suite), {})
        return {name: known[name] for name in self.contents.drivers if name in known}

    @property
    def components(self) -> tuple[str, ...]:
        """What must be on of the base's archive for its drivers, beside what always is."""
        return tuple(sorted({component for driver in self.drivers.values() for component in driver.components}))

    @property
    def architecture(self) -> str:
        """Debian's word for the machine that is built for: the one that builds."""
        return this_architecture()


def this_architecture() -> str:
    """Debian's word for the architecture of this machine."""
    return ARCHITECTURES[platform.machine()]


def chosen_base(text: str | None, manifest_base: Base) -> Base:
    """What `--base` means: nothing, `host`, or a base that keeps the manifest's mirror if it is the same one."""
    if text is None:
        return manifest_base
    parsed = parse_base(text)
    base = host_base() if isinstance(parsed, HostBase) else parsed
    same = (base.distribution, base.suite) == (manifest_base.distribution, manifest_base.suite)
    return manifest_base if same else base


def select(
    manifest: Manifest,
    root: Path,
    target: str,
    base: str | None,
    flavour: str | None,
    dev: bool = False,
    kernel: str | None = None,
) -> Selection:
    """The selection, with another kernel of the manifest than the target's where one is named.

    Raises `UnknownChoice` for a target, kernel or flavour that the manifest does not have.
    """
    if target not in manifest.targets:
        raise UnknownChoice(
            f"the manifest has no target `{target}`",
            hint=suggestion.hint(target, manifest.targets, otherwise="there is"),
        )
    chosen = _with_kernel(manifest, manifest.targets[target], kernel)
    name = flavour or chosen.flavour
    contents = _contents(chosen, name)
    made_of = _base_of(manifest.tools) if chosen.base is None else chosen_base(base, chosen.base)
    if not chosen.own_kernel:
        return Selection(manifest, root, target, chosen, made_of, name, contents, None, None, dev)
    assert chosen.kernel is not None  # a check of the manifest
    flavours = manifest.kernels[chosen.kernel].flavours
    if name not in flavours:
        raise UnknownChoice(
            f"kernel {chosen.kernel} has no flavour `{name}`",
            hint=suggestion.hint(name, flavours, otherwise="there is"),
        )
    booted = manifest.kernels[chosen.kernel]
    return Selection(manifest, root, target, chosen, made_of, name, contents, booted, flavours[name], dev)


def _with_kernel(
    manifest: Manifest, target: UbuntuTarget | FlatcarTarget, kernel: str | None
) -> UbuntuTarget | FlatcarTarget:
    """The target with this kernel instead of its own; one that makes no system of its own stays as it is."""
    if kernel is None:
        return target
    if kernel not in manifest.kernels:
        hint = suggestion.hint(kernel, manifest.kernels, otherwise="there is")
        raise UnknownChoice(f"there is no kernel `{kernel}`", hint=hint)
    return target.model_copy(update={"kernel": kernel}) if target.own_kernel else target


def host_base() -> Base:
    """The base for `--base host`: the release of this machine's own distribution that distrobuild supports."""
    facts = dict(line.partition("=")[::2] for line in OS_RELEASE.read_text().splitlines() if "=" in line)
    words = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}".replace('"', "").split()
    for word in words:
        if word in list(DistributionName):
            distribution = DistributionName(word)
            return Base(distribution=distribution, suite=DISTRIBUTIONS[distribution].host_suite)
    raise UnknownChoice(
        f"this machine runs {facts.get('PRETTY_NAME', 'an unknown distribution')}, whose archive can be no base",
        hint="name one: `--base debian:trixie` or `--base ubuntu:noble`",
    )


def _base_of(tools: Tools) -> Base:
    """The archive of the tools root as a base."""
    return Base(
        distribution=DistributionName.DEBIAN,
        suite=tools.suite,
        mirror=tools.mirror,
        keyring=tools.keyring,
        snapshot=tools.snapshot,
    )


def _contents(target: UbuntuTarget | FlatcarTarget, flavour: str) -> Contents:
    own = {field: getattr(target, field) for field in Contents.model_fields}
    if flavour in target.flavours:
        override = target.flavours[flavour]
        own.update({field: getattr(override, field) for field in override.model_fields_set})
    return Contents(**own)
