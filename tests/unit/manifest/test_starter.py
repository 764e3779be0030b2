"""The project that `init` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.loader import load
from distrobuild.manifest.package import load_package
from distrobuild.manifest.starter import AlreadyThere, distribution_name, write_starter


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_starter_is_a_manifest_without_a_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    write_starter(folder)
    manifest = load([folder / "distro.yaml"]).manifest
    assert manifest.name == "acme"
    assert manifest.title == "Acme Linux"
    assert list(manifest.targets) == ["acme"]
    assert manifest.targets["acme"].packages == ("site-defaults",)


def test_the_starters_package_is_right(tmp_path: Path) -> None:
    write_starter(tmp_path)
    assert load_package(tmp_path / "packages" / "site-defaults").name == "site-defaults"


def test_every_file_that_is_written_is_reported(tmp_path: Path) -> None:
    assert {str(path.relative_to(tmp_path)) for path in write_starter(tmp_path)} == set(tree(tmp_path))


def test_a_comment_of_the_starter_is_a_key_that_can_be_used(tmp_path: Path) -> None:
    """What the commented lines propose is right once the `# ` is gone."""
    write_starter(tmp_path / "acme")
    manifest = tmp_path / "acme" / "distro.yaml"
    (tmp_path / "acme" / "patches" / "6.12").mkdir(parents=True)
    (tmp_path / "acme" / "patches" / "6.12" / "series").touch()
    text = manifest.read_text()
    for line in ("maintainer: Your", "patches: patches/6.12", "users:", "  - {name: ada"):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    manifest.write_text(text)
    loaded = load([manifest]).manifest
    assert loaded.maintainer == "Your Name <you@acme.org>"
    assert loaded.kernels["acme-6.12"].patches == "patches/6.12"
    assert [user.name for user in loaded.targets["acme"].users] == ["ada"]


def test_nothing_is_overwritten_and_nothing_written_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "live.config").write_text("mine\n")
    with pytest.raises(AlreadyThere, match=r"already has kernel/live\.config"):
        write_starter(tmp_path)
    assert tree(tmp_path) == {"kernel/live.config": "mine\n"}


def test_a_link_that_leads_nowhere_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "distro.yaml").symlink_to("elsewhere.yaml")
    with pytest.raises(AlreadyThere):
        write_starter(tmp_path)


def test_a_file_where_a_folder_is_needed_is_told(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_text("")
    with pytest.raises(DistrobuildError, match="cannot write"):
        write_starter(tmp_path)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("acme", "acme"), ("My Distro", "my-distro"), ("x_1.0", "x-1-0"), ("42", "mydistro"), ("", "mydistro")],
)
def test_the_distribution_is_named_after_its_folder(folder: str, name: str) -> None:
    assert distribution_name(folder) == name
