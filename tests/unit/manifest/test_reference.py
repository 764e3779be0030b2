"""The generated documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distrobuild.manifest import keys
from distrobuild.manifest.models import Manifest
from distrobuild.manifest.reference import documents, json_schema, reference, write_documents

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", documents())
def test_the_committed_document_is_current(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == documents()[name], "run `distrobuild schema`"


def test_the_schema_knows_every_key_of_the_top_level_and_no_other() -> None:
    schema = json.loads(json_schema())
    assert set(schema["properties"]) == set(keys.root_of(Manifest).children)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "version"]


def test_the_reference_has_every_key() -> None:
    text = reference()
    for key in keys.walk(keys.root_of(Manifest)):
        # Where it takes other values in one form than in another, each form has its own row.
        if key.path[-1] not in {keys.ANY, keys.ITEM} and str(key) != "targets.*.outputs":
            assert f"| `{key.path[-1]}` | {key.type} |" in text
        if key.children:
            assert f"## `{key}`\n" in text


def test_the_documents_are_written_into_a_new_folder(tmp_path: Path) -> None:
    paths = write_documents(tmp_path / "new")
    assert {path.name: path.read_text("utf-8") for path in paths} == documents()
