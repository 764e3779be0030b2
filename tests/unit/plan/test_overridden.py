"""A `--set` that a flavour's own value makes void is said, and one that counts is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.cli.session import Session
from distrobuild.engine.events import Event, Note, Stream
from distrobuild.errors import DistrobuildError
from distrobuild.plan.overridden import overridden

MANIFEST = """\
name: demo
version: 1.0.0
kernels:
  line: {source: {apt: linux-source-6.12}, flavours: {server: {}, vm: {}}}
targets:
  box:
    base: {distribution: debian, suite: trixie}
    kernel: line
    install: [nano]
    documentation: true
    tests: {path: all, memory_mib: 2048}
    flavours:
      vm:
        install: []
        tests: {path: few}
"""
OWN = "changes nothing here: the flavour `vm` has its own"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("all", "few"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_box.py").touch()
    (tmp_path / "distro.yaml").write_text(MANIFEST, "utf-8")
    return tmp_path


def remarks(project: Path, flavour: str, *overrides: str) -> list[str]:
    session = Session((project / "distro.yaml",), overrides, None, flavour)
    return list(overridden(session.select("box"), session.loaded))


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("targets.box.install=[vim, less]", "install"),
        ("targets.box.tests.memory_mib=4096", "tests"),
        ("targets.box.tests={path: all, cpus: 4}", "tests"),
    ],
)
def test_the_whole_key_of_a_flavour_wins_and_that_is_said_once(project: Path, override: str, key: str) -> None:
    assert remarks(project, "vm", override) == [f"`--set {override}` {OWN} (`targets.box.flavours.vm.{key}`)"]
    assert remarks(project, "server", override) == []


@pytest.mark.parametrize(
    "override",
    ["targets.box.flavours.vm.tests.path=all", "targets.box.documentation=false", "targets.box.flavour=vm"],
)
def test_what_counts_is_not_remarked_on(project: Path, override: str) -> None:
    assert remarks(project, "vm", override) == []


def test_a_plan_says_it_before_anything_is_resolved(project: Path) -> None:
    (project / "distro.lock").write_text("not a lock", "utf-8")
    session = Session((project / "distro.yaml",), ("targets.box.install=[vim]",), None, "vm")
    said: list[Event] = []
    with pytest.raises(DistrobuildError, match=r"distro\.lock"):
        session.plan(session.select("box"), Stream(said.append))
    (note,) = said
    assert isinstance(note, Note)
    assert note.text == f"`--set targets.box.install=[vim]` {OWN} (`targets.box.flavours.vm.install`)"


def test_what_the_file_says_of_both_is_as_it_was_meant(project: Path) -> None:
    assert remarks(project, "vm") == []
