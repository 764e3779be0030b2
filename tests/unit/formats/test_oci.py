"""A layout is what the OCI's image specification says, and the same whenever it is written."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from distrobuild.formats.oci import (
    GZIP_LAYER,
    Blob,
    Image,
    Layer,
    Layout,
    Settings,
    local_reference,
    timestamp,
)

EPOCH = 1767225600
BASE, FIRST, SECOND = b"base " * 100, b"first " * 100, b"second " * 100


def layer(folder: Path, content: bytes) -> tuple[Path, Layer]:
    """A compressed file that stands for a layer."""
    compressed = gzip.compress(content, mtime=0)
    place = folder / hashlib.sha256(content).hexdigest()
    place.write_bytes(compressed)
    blob = Blob(GZIP_LAYER, hashlib.sha256(compressed).hexdigest(), len(compressed))
    return place, Layer(blob, hashlib.sha256(content).hexdigest(), "a test")


def write(folder: Path) -> Layout:
    """Two images on one base; the first also as an archive."""
    folder.mkdir()
    layout = Layout(folder / "layout")
    for name, content in (("first", FIRST), ("second", SECOND)):
        layers = [layer(folder, each) for each in (BASE, content)]
        for place, each in layers:
            layout.add_layer(place, each.blob)
        settings = Settings(entrypoint=("/bin/sh", "-e"), environment={"B": "2", "A": "1"}, ports=("80/tcp",), user="7")
        annotations = {"org.opencontainers.image.title": name}
        reference = local_reference("acme", name, "1.0")
        image = Image(reference, "amd64", EPOCH, settings, tuple(each for _, each in layers), annotations)
        layout.add(image)
    layout.close()
    layout.write_archive("localhost/acme/first:1.0", folder / "first.tar", EPOCH)
    return layout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "once")
    return tmp_path / "once" / "layout"


def blob(folder: Path, descriptor: dict[str, Any]) -> bytes:
    """Content of what a descriptor names; it must be what the descriptor says."""
    content = (folder / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    assert len(content) == descriptor["size"]
    return content


def test_every_blob_is_what_its_descriptor_says_down_to_the_layers(folder: Path) -> None:
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((folder / "index.json").read_text())
    found = {}
    for descriptor in index["manifests"]:
        manifest = json.loads(blob(folder, descriptor))
        assert manifest["mediaType"] == descriptor["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        config = json.loads(blob(folder, manifest["config"]))
        layers = [gzip.decompress(blob(folder, each)) for each in manifest["layers"]]
        digests = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]
        assert config["rootfs"] == {"type": "layers", "diff_ids": digests}
        assert len(config["history"]) == len(layers)
        found[descriptor["annotations"]["org.opencontainers.image.ref.name"]] = layers
    assert found == {"localhost/acme/first:1.0": [BASE, FIRST], "localhost/acme/second:1.0": [BASE, SECOND]}


def test_nothing_is_there_twice_and_nothing_is_left_over(folder: Path) -> None:
    assert len(list((folder / "blobs/sha256").iterdir())) == 3 + 2 + 2  # layers, configurations, manifests


def test_a_runtime_gets_the_settings_and_a_path(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    manifest = json.loads(blob(folder, index["manifests"][0]))
    config = json.loads(blob(folder, manifest["config"]))
    assert (config["os"], config["architecture"], config["created"]) == ("linux", "amd64", "2026-01-01T00:00:00Z")
    assert config["config"] == {
        "Entrypoint": ["/bin/sh", "-e"],
        "Env": ["A=1", "B=2", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"org.opencontainers.image.title": "first"},
        "User": "7",
        "WorkingDir": "/",
    }
    assert manifest["annotations"]["org.opencontainers.image.created"] == timestamp(EPOCH)


def test_the_environment_of_an_image_can_name_its_own_path() -> None:
    assert Settings(environment={"PATH": "/opt/bin"}).config["Env"] == ["PATH=/opt/bin"]


def test_an_archive_has_one_image_with_all_it_needs(folder: Path) -> None:
    with tarfile.open(folder.parent / "first.tar") as archive:
        contents = {each.name: archive.extractfile(each) for each in archive if each.isreg()}
        texts = {name: stream.read() for name, stream in contents.items() if stream is not None}
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in archive} == {(EPOCH, 0, 0, "")}
    (older,) = json.loads(texts["manifest.json"])
    assert older["RepoTags"] == ["localhost/acme/first:1.0"]
    assert [gzip.decompress(texts[path]) for path in older["Layers"]] == [BASE, FIRST]
    (descriptor,) = json.loads(texts["index.json"])["manifests"]
    manifest = json.loads(texts[f"blobs/{descriptor['digest'].replace(':', '/')}"])
    assert older["Config"] == f"blobs/{manifest['config']['digest'].replace(':', '/')}"
    assert len(texts) == 3 + 2 + 2  # oci-layout and both indexes, manifest and configuration, layers


def test_the_same_images_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "again")
    for name in ("layout/index.json", "layout/manifest.json", "first.tar"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("names", "reference"),
    [
        (("mlos", "python", "1.0.0"), "localhost/mlos/python:1.0.0"),
        (("g++.x", "a_b", "1.0~rc1+2"), "localhost/g-x/a-b:1.0-rc1-2"),
    ],
)
def test_a_reference_has_only_what_a_registry_takes(names: tuple[str, str, str], reference: str) -> None:
    assert local_reference(*names) == reference
