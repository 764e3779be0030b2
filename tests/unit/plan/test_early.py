from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.manifest.models import Manifest
from distrobuild.plan.early import check_sources
from distrobuild.plan.selection import select

MANIFEST = {
    "name": "demo",
    "version": "1.0",
    "kernels": {
        "k": {
            "source": {"apt": "linux-source-6.12"},
            "patches": "patches",
            "flavours": {"server": {"config": ["server.config"]}},
        }
    },
    "targets": {"ubuntu": {"base": {"distribution": "ubuntu", "suite": "noble"}, "kernel": "k"}},
}


def test_mistakes_of_patches_and_fragments_are_found_together_before_anything_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches/series").write_text("0001-gone.patch\n")
    (tmp_path / "server.config").write_text("CONFIG_A=y\nnonsense\n")
    with pytest.raises(InvalidInput) as error:
        check_sources(select(Manifest.model_validate(MANIFEST), tmp_path, "ubuntu", None, None))
    places = [str(problem.location) for problem in error.value.problems]
    assert places == ["patches/series:1:1", "server.config:2:1"]
