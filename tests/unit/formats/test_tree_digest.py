from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from distrobuild.formats.sparse import COPY_SIZE
from distrobuild.formats.tree_digest import file_digest

PART = COPY_SIZE + 4096
"""More than is read at a time, and whole blocks, so that what is not written becomes a hole."""
FILES = {
    "empty": (0, []),
    "small": (3, [(0, b"abc")]),
    "only a hole": (3 * PART, []),
    "no hole": (PART, [(0, b"x" * PART)]),
    "holes around": (3 * PART, [(PART, b"y" * PART)]),
    "a hole between, and an odd end": (3 * PART + 5, [(0, b"a" * PART), (2 * PART, b"b" * (PART + 5))]),
}


@pytest.mark.parametrize("name", FILES)
def test_the_digest_of_a_file_is_that_of_its_bytes_with_and_without_holes(tmp_path: Path, name: str) -> None:
    size, parts = FILES[name]
    sparse, full = tmp_path / "sparse", tmp_path / "full"
    with sparse.open("wb") as file:
        for offset, content in parts:
            file.seek(offset)
            file.write(content)
        file.truncate(size)
    full.write_bytes(sparse.read_bytes())
    assert file_digest(sparse) == file_digest(full) == "sha256:" + hashlib.sha256(full.read_bytes()).hexdigest()
