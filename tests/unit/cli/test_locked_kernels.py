"""`distrobuild lock` resolves also what those kernels fetch that no target boots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distrobuild.cli.lock import of_other_kernels
from distrobuild.cli.session import Session

KERNELS = {
    "booted": {"source": {"apt": "linux-source-6.12"}, "flavours": {"server": {}, "vm": {}}},
    "next": {"source": {"apt": "linux-source-7.2"}, "flavours": {"debug": {}}},
}
UBUNTU = {"base": {"distribution": "debian", "suite": "trixie"}, "kernel": "booted"}
NO_SYSTEM = {"source": "none", "ignition": "box.bu", "kernel": "booted"}


def others(folder: Path, target: dict[str, Any], flavour: str | None = None, kernel: str | None = None) -> set[str]:
    """The sections of the lock that the other kernels add to those of the target."""
    (folder / "box.bu").write_text("variant: flatcar\nversion: 1.0.0\n")
    manifest = {"name": "demo", "version": "1.0.0", "kernels": KERNELS, "targets": {"box": target}}
    (folder / "distro.yaml").write_text(json.dumps(manifest))
    session = Session((folder / "distro.yaml",), (), None, flavour, kernel)
    return set(of_other_kernels(session, [session.select("box")]))


@pytest.mark.parametrize("flavour", [None, "vm"])
def test_a_kernel_without_the_flavour_of_the_target_is_locked_too(tmp_path: Path, flavour: str | None) -> None:
    assert others(tmp_path, UBUNTU, flavour) == {"tools", "kernel/next"}


def test_the_targets_own_kernel_is_locked_when_another_takes_its_place(tmp_path: Path) -> None:
    assert others(tmp_path, UBUNTU, "debug", kernel="next") == {"tools", "kernel/booted"}


def test_where_no_target_boots_a_kernel_none_is_locked(tmp_path: Path) -> None:
    assert others(tmp_path, NO_SYSTEM) == set()
