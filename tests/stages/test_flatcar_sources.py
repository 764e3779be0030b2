"""The target `flatcar` without an own system, from the manifest to the results: sources `none` and `official`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distrobuild.cli.session import Session
from distrobuild.engine.engine import StageError
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.engine.outputs import Published, publish
from distrobuild.formats import gpt_read
from distrobuild.formats.disk_layout import SECTOR
from tests import mlos
from tests.stages.local_archive import SigningKey
from tests.stages.official_image import SMALL, differing, layout, pack, write_image
from tests.stages.test_official import sign

RELEASE = "flatcar_production_image.bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project."""
    return mlos.copy_project(tmp_path / "project")


def build(project: Path, source: Any, **more: Any) -> tuple[Published, dict[str, Entry]]:
    """Build the target with another source; what is handed out in `out`."""
    if isinstance(source, dict):
        source = {"debian": None, **source}
    (project / "source.yaml").write_text(json.dumps({"targets": {"flatcar": {"source": source, **more}}}))
    session = Session((project / "distro.yaml", project / "source.yaml"), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("flatcar")
    plan = session.plan(selection, Stream(mlos.say))
    entries = session.engine(selection, Stream(mlos.say)).build(plan)
    return publish(selection, plan, entries, project / "out"), entries


def test_without_an_image_the_extension_and_the_config_are_handed_out(project: Path) -> None:
    result, entries = build(project, "none")
    assert result.image is None
    made = {path.relative_to(project / "out").as_posix() for path in result.files}
    assert {"sysext/mlos-1.0.0-x86-64.raw", "ignition/config.ign"} <= made
    folders = {path.partition("/")[0] for path in made}
    assert folders == {"sysext", "ignition", "overlay", "distfiles", "binpkgs", "binpkgs-key.asc"}
    assert not {"kernel", "repository", "rootfs", "install"} & entries.keys()
    config = json.loads((project / "out/ignition/config.ign").read_text())
    assert "/opt/extensions/mlos.raw" in {file["path"] for file in config["storage"]["files"]}


def test_a_signed_release_carries_the_targets_config(project: Path, tmp_path: Path) -> None:
    write_image(project / RELEASE, layout(SMALL))
    packed, key = pack(project / RELEASE), SigningKey.make(tmp_path, "flatcar")
    sign(key, packed, project / "release.sig")
    source = {"official": packed.name, "signature": "release.sig", "keyring": str(key.keyring)}
    result, entries = build(project, source, kernel_arguments=["quiet"])
    assert result.image == project / "out/mlos-1.0.0-flatcar-amd64.raw"
    assert "kernel" not in entries
    changed = differing(result.image, project / RELEASE)
    with result.image.open("rb") as disk:
        oem = gpt_read.read(disk).partition("OEM")
        disk.seek(oem.first * SECTOR)
        content = disk.read(oem.sectors * SECTOR)
    assert oem.first * SECTOR <= min(changed)
    assert max(changed) < (oem.last + 1) * SECTOR
    assert (project / "out/ignition/config.ign").read_bytes() in content
    assert b'set linux_append="quiet"\n' in content


def test_a_release_is_fetched_by_its_version(project: Path, tmp_path: Path) -> None:
    mirror, key = tmp_path / "mirror", SigningKey.make(tmp_path, "flatcar")
    mirror.mkdir()
    write_image(mirror / RELEASE, layout(SMALL))
    packed = pack(mirror / RELEASE)
    sign(key, packed, mirror / f"{packed.name}.sig")
    source = {"release": "4593.2.5", "keyring": str(key.keyring), "mirror": mirror.as_uri()}
    result, _ = build(project, source, kernel_arguments=["quiet"])
    assert result.image == project / "out/mlos-1.0.0-flatcar-amd64.raw"
    with result.image.open("rb") as disk, (mirror / RELEASE).open("rb") as released:
        assert gpt_read.read(disk) == gpt_read.read(released)
    assert differing(result.image, mirror / RELEASE)


def test_of_a_release_with_another_digest_nothing_is_handed_out(project: Path) -> None:
    write_image(project / RELEASE, layout(SMALL))
    with pytest.raises(StageError, match=r"sha256 is .*, the manifest says 000"):
        build(project, {"official": RELEASE, "sha256": "0" * 64})
    assert not (project / "out").exists()
