"""What a build needs of the host is asked for before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.engine.host import PROGRAMS, HostLacksPrograms, require_programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with all that is needed."""
    for name in PROGRAMS:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_host_with_every_program_will_do(programs: Path) -> None:
    require_programs()


def test_all_that_is_missing_is_named_with_the_packages_that_bring_it(programs: Path) -> None:
    (programs / "unzstd").unlink()
    (programs / "bwrap").unlink()
    with pytest.raises(HostLacksPrograms, match="this machine lacks bwrap, unzstd") as caught:
        require_programs()
    assert caught.value.hint == "apt-get install bubblewrap zstd"
