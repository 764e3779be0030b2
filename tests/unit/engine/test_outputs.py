"""What a build hands out: all that it made, whether or not an image is among it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from distrobuild.engine.engine import Engine
from distrobuild.engine.outputs import publish
from distrobuild.manifest.models import Manifest
from distrobuild.plan.graph import Node
from distrobuild.plan.selection import Selection, select
from tests.unit.engine.small_stages import WriteOptions, WriteStage, plan, write


class IsoStage(WriteStage):
    """A further image."""

    kind = "memory-iso"


class BootedStage(WriteStage):
    """Reads an image, as a boot does."""

    inputs = {"image": "an image"}


def selection(root: Path, source: Any = "none") -> Selection:
    target = {"source": source, "ignition": "box.bu", "kernel": "k"}
    kernels = {"k": {"source": {"apt": "linux-source-6.12"}}}
    manifest = Manifest.model_validate(
        {"name": "demo", "version": "1.0", "kernels": kernels, "targets": {"box": target}}
    )
    return select(manifest, root, "box", None, None)


def relative(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_without_an_image_there_is_what_was_made(tmp_path: Path, engine: Engine) -> None:
    made = plan(write("sysext", "extension"), write("ignition", "config"))
    result = publish(selection(tmp_path), made, engine.build(made), tmp_path / "out/box")
    files = relative(tmp_path / "out/box")
    assert result.image is None
    assert {path.relative_to(tmp_path / "out/box").as_posix() for path in result.files} == files - {
        "build.json",
        "SHA256SUMS",
    }
    assert {path.rpartition("/")[0] for path in files} == {"", "sysext", "ignition"}
    assert all(path.is_file() for path in result.files)
    report = json.loads((tmp_path / "out/box/build.json").read_text())
    assert report["made_of"] == "no image"
    assert not {"base", "flavour"} & report.keys()
    assert set(report["stages"]) == {"sysext", "ignition"}


def test_every_file_has_its_checksum(tmp_path: Path, engine: Engine) -> None:
    made = plan(write("sysext", "extension"), write("ignition", "config"))
    publish(selection(tmp_path), made, engine.build(made), tmp_path / "out")
    lines = (tmp_path / "out/SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(sums) == relative(tmp_path / "out") - {"SHA256SUMS"}
    assert all(hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == sums[name] for name in sums)


def test_an_image_stands_at_the_top(tmp_path: Path, engine: Engine) -> None:
    disk = write("disk", "image")
    made = replace(plan(disk, write("sysext", "extension")), image=disk)
    result = publish(selection(tmp_path, {"debian": "trixie"}), made, engine.build(made), tmp_path / "out")
    assert result.image is not None
    assert result.image.parent == tmp_path / "out"
    assert result.image.is_file()
    assert json.loads((tmp_path / "out/build.json").read_text())["base"] == "debian:trixie"


def test_an_image_that_is_booted_twice_is_handed_out_once(tmp_path: Path, engine: Engine) -> None:
    iso = Node("iso", IsoStage(WriteOptions(text="iso")), {})
    boots = [Node(f"boot/{name}", BootedStage(WriteOptions(text=name)), {"image": iso}) for name in ("bios", "uefi")]
    made = plan(*boots)
    result = publish(selection(tmp_path), made, engine.build(made), tmp_path / "out")
    assert tmp_path / "out/text" in result.files
    assert (tmp_path / "out/text").read_text() == "iso"
    assert (tmp_path / "out/boot/uefi/text").read_text() == "isouefi"
