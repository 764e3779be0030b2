"""Container images as the OCI describes them: configuration, manifest, index, and a folder or archive that holds them.

Formats: OCI image specification 1.1: config.md, manifest.md, image-index.md, image-layout.md, descriptor.md and
annotations.md. `manifest.json`, by which every version of `docker load` finds the images of an archive, is that of
Docker's image specification 1.2 ("Combined Image JSON + Filesystem Changeset Format").

The same images give the same bytes: JSON has its keys sorted, and the one time in it is given by the caller.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"
"""Annotation by which tools choose one of the images of a layout (`skopeo copy oci:FOLDER:REFERENCE`), and by which
podman names what it takes. Podman makes of a short name one of Docker's own registry, so here stands all of it."""
CONTAINERD_NAME = "io.containerd.image.name"
"""Annotation by which containerd names an image that it takes out of an archive."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A file of a layout, known by its content: type, hexadecimal SHA-256, bytes."""

    media_type: str
    sha256: str
    size: int

    @property
    def descriptor(self) -> dict[str, Any]:
        """The blob as other blobs name it."""
        return {"mediaType": self.media_type, "digest": f"sha256:{self.sha256}", "size": self.size}

    @property
    def path(self) -> str:
        """Where it stands in a layout."""
        return f"blobs/sha256/{self.sha256}"


@dataclass(frozen=True)
class Layer:
    """A compressed layer; `diff_id` is the hexadecimal SHA-256 of its uncompressed tar archive."""

    blob: Blob
    diff_id: str
    created_by: str
    """What made it, for people."""


@dataclass(frozen=True)
class Settings:
    """How a runtime starts the image where nobody says otherwise."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_directory: str = "/"
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """The object `config` of an image's configuration; what is empty is left out."""
        variables = {"PATH": DEFAULT_PATH, **self.environment}
        given: dict[str, Any] = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "User": self.user,
            "WorkingDir": self.working_directory,
            "ExposedPorts": {port: {} for port in self.ports},
            "Volumes": {volume: {} for volume in self.volumes},
        }
        config = {name: value for name, value in given.items() if value}
        return {**config, "Env": [f"{name}={value}" for name, value in sorted(variables.items())]}


@dataclass(frozen=True)
class Image:
    """A container image. `reference` is its name, in a layout as on a machine.

    `architecture` is Go's name of the processor, which for ours is Debian's too; `epoch` its age (seconds since 1970).
    """

    reference: str
    architecture: str
    epoch: int
    settings: Settings
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def configuration(self) -> bytes:
        """The blob `config`: how it runs, and the layers by their uncompressed digests."""
        created = timestamp(self.epoch)
        return _json(
            {
                "created": created,
                "architecture": self.architecture,
                "os": "linux",
                "config": self.settings.config | {"Labels": dict(self.annotations)},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in self.layers]},
                "history": [{"created": created, "created_by": layer.created_by} for layer in self.layers],
            }
        )

    def manifest(self, configuration: Blob) -> bytes:
        """The blob that names the configuration and the compressed layers."""
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": configuration.descriptor,
                "layers": [layer.blob.descriptor for layer in self.layers],
                "annotations": {"org.opencontainers.image.created": timestamp(self.epoch), **self.annotations},
            }
        )


def timestamp(epoch: int) -> str:
    """Seconds since 1970 as RFC 3339 writes them, `2026-01-01T00:00:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_reference(distribution: str, name: str, version: str) -> str:
    """`localhost/mlos/python:1.0.0`: what an image that comes from no registry is called on a machine.

    Whatever a repository's name or a tag cannot have becomes `-` (OCI distribution specification 1.1, "Pulling
    manifests").
    """
    parts = (re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in (distribution, name))
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", version)[:128]
    return f"localhost/{'/'.join(parts)}:{tag}"


class Layout:
    """A folder in the OCI's image layout, being written. Blobs that several images share are there once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: list[tuple[Image, Blob, Blob]] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))

    def add_layer(self, source: Path, blob: Blob) -> None:
        """Copy a layer's file into the layout, unless it is there."""
        place = self._folder / blob.path
        if not place.exists():
            shutil.copyfile(source, place)

    def add(self, image: Image) -> None:
        """Add an image, whose layers have been added."""
        configuration = self._write(CONFIG, image.configuration())
        self._images.append((image, self._write(MANIFEST, image.manifest(configuration)), configuration))

    def close(self) -> None:
        """Write the indexes: the layout is whole."""
        for name, content in _indexes(self._images).items():
            (self._folder / name).write_bytes(content)

    def write_archive(self, reference: str, place: Path, epoch: int) -> None:
        """Write one image alone to a tar archive that `docker load` and `podman load` read."""
        (chosen,) = (each for each in self._images if each[0].reference == reference)
        image, manifest, configuration = chosen
        blobs = {blob.path for blob in (manifest, configuration, *(layer.blob for layer in image.layers))}
        contents = {"oci-layout": (self._folder / "oci-layout").read_bytes(), **_indexes([chosen])}
        with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as archive:
            for folder in ("blobs", "blobs/sha256"):
                archive.addfile(_member(folder, 0, epoch, tarfile.DIRTYPE))
            for path in sorted(blobs):
                with (self._folder / path).open("rb") as stream:
                    archive.addfile(_member(path, (self._folder / path).stat().st_size, epoch), stream)
            for path, content in sorted(contents.items()):
                archive.addfile(_member(path, len(content), epoch), io.BytesIO(content))

    def _write(self, media_type: str, content: bytes) -> Blob:
        blob = Blob(media_type, hashlib.sha256(content).hexdigest(), len(content))
        (self._folder / blob.path).write_bytes(content)
        return blob


def _indexes(images: Iterable[tuple[Image, Blob, Blob]]) -> dict[str, bytes]:
    """`index.json`, and Docker's older `manifest.json`, of images with their manifests and configurations."""
    manifests: list[dict[str, Any]] = []
    older: list[dict[str, Any]] = []
    for image, manifest, configuration in sorted(images, key=lambda each: each[0].reference):
        platform = {"architecture": image.architecture, "os": "linux"}
        annotations = {REF_NAME: image.reference, CONTAINERD_NAME: image.reference}
        manifests.append({**manifest.descriptor, "platform": platform, "annotations": annotations})
        layers = [layer.blob.path for layer in image.layers]
        older.append({"Config": configuration.path, "RepoTags": [image.reference], "Layers": layers})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    return {"index.json": _json(index), "manifest.json": _json(older)}


def _member(path: str, size: int, epoch: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.size, member.mtime = kind, size, epoch
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
