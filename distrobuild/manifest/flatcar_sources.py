"""Where the `/usr` of a target of Flatcar's family comes from: packages, a release of Flatcar, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from distrobuild.manifest.values import ARCHIVE_ADDRESS, FLATCAR_VERSION, TIMESTAMP, Model, Name, Sha256

Level = Annotated[
    Literal["provision", "kernel"],
    Field(
        description="What is changed. `provision`: only what sets the machine up. `/usr`, its hash tree, the kernel "
        "and the boot loader stay as they are, so that official updates and Secure Boot go on working. `kernel`: "
        "machines start the target's `kernel` from slot B, with a `/usr` that has its modules; Flatcar's signatures, "
        "Secure Boot and official updates are lost."
    ),
]


class DebianSource(Model):
    """Packages of Debian, made into a read-only `/usr` here. The result does not call itself Flatcar."""

    debian: Name
    """Release code name, for example `trixie`."""
    mirror: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Address of the archive; default as for a base."""
    keyring: str | None = None
    """OpenPGP keyring file that signs the archive."""
    snapshot: str | None = Field(default=None, pattern=TIMESTAMP)
    """Timestamp of a snapshot archive."""


class OfficialSource(Model):
    """A release image of Flatcar that is there already, of which only the partition OEM is written anew."""

    official: str
    """Path of the image: `flatcar_production_image.bin.bz2` as it is published, or unpacked."""
    sha256: Sha256 | None = None
    """Digest of that file. It or a signature must vouch for the image."""
    signature: str | None = None
    """File with the detached signature of that file (`flatcar_production_image.bin.bz2.sig`)."""
    keyring: str | None = None
    """File with the public keys whose signature counts, armoured or not; named together with `signature`."""
    level: Level = "provision"


class ReleaseSource(Model):
    """A release of Flatcar by its version: its image is fetched, its signature checked; the rest as with `official`."""

    release: str = Field(pattern=FLATCAR_VERSION)
    """Version, such as `4593.2.5`. The second number tells the channel: 0 alpha, 1 beta, 2 stable, 3 LTS."""
    keyring: str
    """File with the public keys whose signature counts (Flatcar's image signing key), armoured or not."""
    sha256: Sha256 | None = None
    """Digest of `flatcar_production_image.bin.bz2`. A signature tells whose file it is; this, which one."""
    mirror: Annotated[str, StringConstraints(pattern=ARCHIVE_ADDRESS)] | None = None
    """Folder with the files of this version, where they are not fetched from Flatcar itself."""
    level: Level = "provision"


NO_SOURCE = "none"
FLATCAR_SOURCES: dict[str, type[Model]] = {
    "debian": DebianSource,
    "official": OfficialSource,
    "release": ReleaseSource,
}
"""The forms of a source that are mappings, by the key that tells them apart."""


def form_by_key(value: object, forms: Mapping[str, type[Model]]) -> str | None:
    """Name of the class that `value` is written for, or None when it has no form's key or those of two.

    Without it, pydantic would try every form and report the mistakes of all of them.
    """
    if isinstance(value, dict):
        present = [form.__name__ for key, form in forms.items() if key in value]
        return present[0] if len(present) == 1 else None
    return type(value).__name__


def flatcar_source_form(source: object) -> str | None:
    """Which form of a source `source` is written in; None where that cannot be told."""
    return NO_SOURCE if source == NO_SOURCE else form_by_key(source, FLATCAR_SOURCES)


FlatcarSource = Annotated[
    Annotated[
        Literal["none"],
        Tag(NO_SOURCE),
        Field(description="No image at all: only what runs on somebody else's Flatcar."),
    ]
    | Annotated[DebianSource, Tag("DebianSource")]
    | Annotated[OfficialSource, Tag("OfficialSource")]
    | Annotated[ReleaseSource, Tag("ReleaseSource")],
    Discriminator(flatcar_source_form),
]
