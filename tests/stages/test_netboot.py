"""What a machine that starts from the network is given: a script that leads to the image, and the image's own files."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from distrobuild.boot.netboot import HOST, SCRIPT, serve


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The script of an image, its kernel beside it."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "box.vmlinuz").write_bytes(b"kernel" * 100_000)
    (folder / "box.ipxe").write_text("#!ipxe\nboot\n")
    return folder / "box.ipxe"


def fetched(address: str) -> bytes:
    """What a guest would get; the host has another address here."""
    with urllib.request.urlopen(address.replace(HOST, "127.0.0.1")) as answer:
        content: bytes = answer.read()
    return content


def test_the_script_leads_to_config_and_image(image: Path, tmp_path: Path) -> None:
    (tmp_path / "machine.ign").write_text("{}")
    with serve(image, tmp_path / "machine.ign", tmp_path):
        first, config, chain = (tmp_path / SCRIPT).read_text().splitlines()
        assert first == "#!ipxe"
        assert fetched(config.removeprefix("set config ")) == b"{}"
        script = chain.removeprefix("chain ")
        assert fetched(script) == image.read_bytes()
        assert fetched(script.replace("box.ipxe", "box.vmlinuz")) == b"kernel" * 100_000


def test_nothing_but_these_files_is_served(image: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    with serve(image, None, tmp_path):
        _, chain = (tmp_path / SCRIPT).read_text().splitlines()
        for name in ("config.ign", "../secret", "..%2fsecret", ""):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                fetched(chain.removeprefix("chain ").replace("box.ipxe", name))
