"""What box tests compare a guest with: facts of the build, from its own inputs and never from the image."""

from __future__ import annotations

from pathlib import Path

from debian.deb822 import Packages
from pydantic import BaseModel, ConfigDict

from distrobuild.formats import kconfig


class Facts(BaseModel):
    """What should stand in the image. Everything is optional: a test that lacks its fact is skipped, and says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    """Short name of the distribution: ID in os-release."""
    version: str | None = None
    """Version of the distribution: VERSION_ID in os-release."""
    flavour: str | None = None
    """Flavour of kernel and contents."""
    base: str | None = None
    """The distribution that the packages come from: `debian`, `ubuntu`."""
    kernel_release: str | None = None
    """What `uname -r` should say."""
    patch_set: str | None = None
    """Identity of the kernel's patch set."""
    symbols: dict[str, str] = {}
    """Kernel configuration that was asked for, by symbol without `CONFIG_`; `n` is not set."""
    installed: tuple[str, ...] = ()
    """Our packages that the image should have."""
    drivers: tuple[str, ...] = ()
    """Drivers of accelerators that the image is for, by the manifest's names."""
    repository: dict[str, str] = {}
    """Version of every package in our repository."""


def requested_symbols(fragment: Path) -> dict[str, str]:
    """The symbols that a kernel configuration fragment asks for, and their values."""
    return {setting.symbol: setting.value for setting in kconfig.read_fragment(fragment)}


def repository_versions(repository: Path) -> dict[str, str]:
    """Version of every package in an APT repository's folder, by name."""
    versions: dict[str, str] = {}
    for index in sorted(repository.glob("dists/*/*/binary-*/Packages")):
        with index.open("rb") as stream:
            for entry in Packages.iter_paragraphs(stream, use_apt_pkg=False):
                versions[entry["Package"]] = entry["Version"]
    return versions
