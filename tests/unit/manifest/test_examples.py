"""What README and docs show can be copied."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from distrobuild.manifest.loader import load
from distrobuild.manifest.package import UNIT_FOLDER, load_package
from tests import mlos
from tests.documents import DOCUMENTS, examples, readme_project

NEEDED = {"name": "sample", "summary": "small thing", "description": "It is there to complete an example."}


def test_the_manifest_of_the_readme_is_right(tmp_path: Path) -> None:
    manifest = load([readme_project(tmp_path)]).manifest
    assert list(manifest.targets) == ["ubuntu"]


def test_every_document_with_yaml_is_looked_at() -> None:
    found = {*mlos.ROOT.glob("*.md"), *mlos.ROOT.glob("docs/*.md")}
    assert {str(path.relative_to(mlos.ROOT)) for path in found if "```yaml" in path.read_text("utf-8")} == {*DOCUMENTS}


@pytest.mark.parametrize("text", examples("docs/packages.md"))
def test_an_example_of_a_package_is_right(tmp_path: Path, text: str) -> None:
    example = NEEDED | yaml.safe_load(text)
    folder = tmp_path / example["name"]
    (folder / "source").mkdir(parents=True)
    for unit in example.get("enable", ()):
        path = folder / "files" / UNIT_FOLDER / unit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "package.yaml").write_text(yaml.safe_dump(example), "utf-8")
    assert load_package(folder).name == example["name"]
