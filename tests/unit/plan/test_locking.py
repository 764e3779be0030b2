from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.manifest.lock import (
    DamagedLock,
    Lock,
    LockedPackage,
    Repository,
    Section,
    read_lock,
    write_lock,
)
from distrobuild.manifest.models import Manifest
from distrobuild.plan.locking import StaleLock, check, image_section, version_changes, wanted_sections
from distrobuild.plan.selection import Selection, UnknownChoice, select

MANIFEST = {
    "name": "demo",
    "version": "1.0",
    "kernels": {"k": {"source": {"apt": "linux-source-6.12"}, "flavours": {"server": {}, "vm": {}}}},
    "targets": {
        "ubuntu": {
            "base": {"distribution": "ubuntu", "suite": "noble"},
            "kernel": "k",
            "packages": ["demo-node"],
            "install": ["htop"],
            "flavours": {"vm": {"install": ["nano"]}},
        },
        "flatcar": {
            "source": {"debian": "trixie"},
            "kernel": "k",
            "containers": {
                "own": {"packages": ["demo-node"], "command": ["/bin/sh"]},
                "python": {"install": ["python3"], "entrypoint": ["/usr/bin/python3"]},
            },
        },
    },
}
PACKAGE = """
name: demo-node
summary: defaults of a machine
description: A package that stands for the project's own ones.
depends: [chrony, {debian: only-debian, ubuntu: only-ubuntu}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "packages/demo-node").mkdir(parents=True)
    (tmp_path / "packages/demo-node/package.yaml").write_text(PACKAGE)
    return tmp_path


def selection(root: Path, base: str | None = None, flavour: str | None = None) -> Selection:
    return select(Manifest.model_validate(MANIFEST), root, "ubuntu", base, flavour)


def locked(name: str, version: str) -> LockedPackage:
    file = f"{name}_{version}_amd64.deb"
    return LockedPackage(
        package=name, version=version, architecture="amd64", name=file, url=f"file:///{file}", size=1, sha256="0" * 64
    )


def lock_for(chosen: Selection, *packages: LockedPackage) -> Lock:
    place = Repository(mirror="file:///archive", suites=("noble",), components=("main",), keyring="/key.gpg")
    return Lock(
        sections={
            name: Section(request=wanted.request, repositories=(place,), packages=packages)
            for name, wanted in wanted_sections(chosen).items()
        }
    )


def test_a_flavour_replaces_what_it_names_and_keeps_the_rest(root: Path) -> None:
    chosen = selection(root, flavour="vm")
    assert chosen.contents.install == ("nano",)
    assert chosen.contents.packages == ("demo-node",)


def test_an_unknown_target_is_named_with_the_nearest_one(root: Path) -> None:
    with pytest.raises(UnknownChoice, match="no target `ubunut`") as error:
        select(Manifest.model_validate(MANIFEST), root, "ubunut", None, None)
    assert error.value.hint == "did you mean `ubuntu`?"


def test_an_unknown_flavour_is_refused(root: Path) -> None:
    with pytest.raises(UnknownChoice, match="no flavour `desktop`"):
        selection(root, flavour="desktop")


def test_another_base_has_its_own_section_and_its_own_dependencies(root: Path) -> None:
    ubuntu, debian = selection(root), selection(root, base="debian:trixie")
    assert image_section(ubuntu) != image_section(debian)
    assert "only-ubuntu" in wanted_sections(ubuntu)[image_section(ubuntu)].request.install
    assert "only-debian" in wanted_sections(debian)[image_section(debian)].request.install


def test_the_projects_own_packages_are_not_fetched(root: Path) -> None:
    chosen = selection(root)
    assert "demo-node" not in wanted_sections(chosen)[image_section(chosen)].request.install
    assert "chrony" in wanted_sections(chosen)[image_section(chosen)].request.install


def test_an_empty_lock_lacks_every_section(root: Path) -> None:
    assert check(Lock(), wanted_sections(selection(root))) == ["tools", "kernel/k", "ubuntu/ubuntu:noble/server"]


def test_portage_is_locked_only_where_ebuilds_are_made(root: Path) -> None:
    def sections(**keys: bool) -> set[str]:
        flatcar = {"source": {"debian": "trixie"}, "kernel": "k", **keys}
        manifest = Manifest.model_validate({**MANIFEST, "targets": {"flatcar": flatcar}})
        return set(wanted_sections(select(manifest, root, "flatcar", None, None)))

    assert sections(ebuilds=True) - sections() == {"tools/portage"}


def test_a_lock_that_fits_lacks_nothing(root: Path) -> None:
    chosen = selection(root)
    assert check(lock_for(chosen), wanted_sections(chosen)) == []


def test_a_stale_lock_names_everything_that_changed(root: Path) -> None:
    lock = lock_for(selection(root))
    (root / "packages/demo-node/package.yaml").write_text(PACKAGE.replace("chrony", "ntpsec"))
    with pytest.raises(StaleLock) as error:
        check(lock, wanted_sections(selection(root)))
    assert "`ntpsec` is not in it" in error.value.message
    assert "`chrony` is no longer asked for" in error.value.message


def test_version_changes_name_what_moved_came_and_went(root: Path) -> None:
    chosen = selection(root)
    before = lock_for(chosen, locked("moved", "1"), locked("gone", "1"))
    after = lock_for(chosen, locked("moved", "2"), locked("new", "1"))
    name = image_section(chosen)
    assert [change for change in version_changes(before, after) if change[0] == name] == [
        (name, "gone", "1", None),
        (name, "moved", "1", "2"),
        (name, "new", None, "1"),
    ]


def test_a_lock_is_read_as_it_was_written_with_one_package_per_line(root: Path) -> None:
    lock = lock_for(selection(root), locked("a", "1"), locked("b", "1"))
    write_lock(root / "distro.lock", lock)
    assert read_lock(root / "distro.lock") == lock
    lines = (root / "distro.lock").read_text().splitlines()
    assert all(line.count('"package": ') <= 1 for line in lines)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"format": 1, "sections": {"a": {}}}', "{broken"])
def test_a_damaged_lock_is_refused_with_a_hint(tmp_path: Path, text: str) -> None:
    (tmp_path / "distro.lock").write_text(text)
    with pytest.raises(DamagedLock) as error:
        read_lock(tmp_path / "distro.lock")
    assert "distrobuild lock" in str(error.value.hint)


def test_each_container_has_a_section_with_what_it_needs_of_the_archive(root: Path) -> None:
    chosen = select(Manifest.model_validate(MANIFEST), root, "flatcar", None, None)
    sections = wanted_sections(chosen)
    base = set(sections["containers/flatcar/debian:trixie"].request.install)
    assert "systemd" not in base
    assert set(sections["containers/flatcar/debian:trixie/python"].request.install) == {*base, "python3"}
    own = sections["containers/flatcar/debian:trixie/own"].request.install
    assert set(own) == {*base, "chrony", "only-debian"}, "what our package depends on, and not the package itself"


def test_a_container_changes_nothing_for_the_image_or_for_another_container(root: Path) -> None:
    manifest = Manifest.model_validate(MANIFEST)
    chosen = select(manifest, root, "flatcar", None, None)
    target = manifest.targets["flatcar"].model_copy(update={"containers": {}})
    without = select(manifest.model_copy(update={"targets": {"flatcar": target}}), root, "flatcar", None, None)
    assert without.archive_packages == chosen.archive_packages
    assert not [name for name in wanted_sections(without) if name.startswith("containers/")]
