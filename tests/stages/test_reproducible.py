"""The same bytes in another folder, with another umask, another number of processors and another store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from distrobuild.cli.session import Session
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.formats.tree_digest import file_digest
from distrobuild.plan.key import keys
from tests import mlos

TAKEN = ("fetch/", "tools", "kernel")
"""Stages that take minutes, or fetch, and are compared elsewhere: the second build takes them from the first."""
SOURCES = ("distro.yaml", "distro.lock", *mlos.SOURCES)


@pytest.fixture
def strange_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strange_umask")
def test_a_second_build_elsewhere_gives_the_same_iso(tmp_path: Path) -> None:
    first = mlos.build("iso")
    copy = tmp_path / "checkout elsewhere"
    for name in SOURCES:
        source = mlos.ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, symlinks=True, copy_function=shutil.copyfile)
            _keep_executable_bits(source, copy / name)
        else:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy / name)
    session = Session((copy / "distro.yaml",), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("ubuntu")
    plan = session.plan(selection, Stream()).without("boot")
    store = Store(tmp_path / "another store")
    for name, keyed in keys(plan).items():
        if name.startswith(TAKEN):
            (store.root / "outputs" / keyed.key.removeprefix("sha256:")).symlink_to(first[name].path)
    second = Engine(store, "elsewhere", Stream(mlos.say), cpus=1).build(plan)

    ran = {name for name in second if not name.startswith(TAKEN)}
    made = ("rootfs", "install", "customise", "squashfs/root", "squashfs/install", "squashfs/image", "iso")
    assert {"repository", *made} <= ran
    for name in made:
        assert _digests(second[name].output) == _digests(first[name].output), name


def _keep_executable_bits(source: Path, copy: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o100:
            (copy / path.relative_to(source)).chmod(0o700)


def _digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
