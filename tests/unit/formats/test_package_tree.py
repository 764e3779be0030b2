"""The files of a package, the same for every packaging system."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats.package_tree import write_files
from distrobuild.manifest.package import load_package

DESCRIPTION = """\
name: sample
summary: a package for a test
description: It is here to be read by a test.
enable: [sample.service]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "sample"
    units = place / "files/usr/lib/systemd/system"
    units.mkdir(parents=True)
    (place / "package.yaml").write_text(DESCRIPTION)
    (units / "sample.service").write_text("[Service]\n")
    return place


def written(folder: Path, **facts: str) -> Path:
    tree = folder.parent / "tree"
    write_files(load_package(folder), folder, tree, facts)
    return tree


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("etc/issue", "../usr/lib/issue", "/usr/lib/issue"),
        ("etc/issue", "/usr/lib/issue", "/usr/lib/issue"),
        ("usr/bin/tool", "/usr/lib/tool/run", "../lib/tool/run"),
        ("usr/bin/tool", "./../lib/tool/run", "../lib/tool/run"),
        ("usr/lib/a/b", "c", "c"),
        ("etc/systemd/system/x.service", "/dev/null", "/dev/null"),
    ],
)
def test_a_link_to_another_folder_of_the_root_is_absolute_and_any_other_relative(
    folder: Path, path: str, target: str, expected: str
) -> None:
    (folder / "files" / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / "files" / path).symlink_to(target)
    assert str((written(folder) / path).readlink()) == expected


def test_templates_are_filled_in_and_modes_are_one_of_two(folder: Path) -> None:
    for name, mode in (("tool.j2", 0o700), ("data", 0o600)):
        file = folder / "files/usr/lib" / name
        file.write_text("{{ title }}\n")
        file.chmod(mode)
    tree = written(folder, title="Box")
    assert (tree / "usr/lib/tool").read_text() == "Box\n"
    assert (tree / "usr/lib/tool").stat().st_mode & 0o777 == 0o755
    assert (tree / "usr/lib/data").read_text() == "{{ title }}\n"
    assert (tree / "usr/lib/data").stat().st_mode & 0o777 == 0o644


def test_units_that_the_package_enables_have_a_preset(folder: Path) -> None:
    preset = written(folder) / "usr/lib/systemd/system-preset/95-sample.preset"
    assert preset.read_text() == "enable sample.service\n"
