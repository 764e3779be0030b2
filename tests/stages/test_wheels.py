"""Wheels found by pip in a folder that is its whole index, and unpacked for the tools root's Python."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from distrobuild.formats.tree_digest import file_digest
from distrobuild.manifest.lock import Lock, LockedPackage, Request, Section
from distrobuild.plan import wheels
from distrobuild.plan.wheels import WheelsUnresolved
from distrobuild.stages.python import NotAWheel, PythonOptions, PythonStage
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
REQUEST = Request(distribution=wheels.DISTRIBUTION, suite="trixie", snapshot=None, mirror=None, install=("tool==2",))


def make_wheel(
    folder: Path, name: str, version: str, needs: str = "", tag: str = "py3-none-any", files: Mapping[str, str] = {}
) -> Path:
    """A wheel with a module NAME that knows its version."""
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    texts = {
        f"{name}.py": f"VERSION = '{version}'\n",
        f"{information}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{information}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **files,
    }
    place = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(place, "w") as archive:
        for path, text in {**texts, f"{information}/RECORD": ""}.items():
            archive.writestr(path, text)
    return place


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which pip, configured as a user would, looks for wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for version in ("1", "2"):
        make_wheel(folder, "tool", version, needs="helper~=1.0")
    for version in ("1.0", "1.1", "2.0"):
        make_wheel(folder, "helper", version, tag="cp313-abi3-manylinux_2_28_x86_64")
    return folder


def tools(libc: str = "2.41-12") -> Section:
    """What the lock says of a tools root."""
    request = REQUEST.model_copy(update={"distribution": "debian"})
    versions = {"libc6": libc, "python3": "3.13.5-1"}
    packages = (
        LockedPackage(package=name, version=version, architecture="amd64", name=name, url="", size=1, sha256="0" * 64)
        for name, version in versions.items()
    )
    return Section(request=request, repositories=(), packages=tuple(packages))


def versions(section: Section) -> dict[str, str]:
    return {package.package: package.version for package in section.packages}


def test_what_is_asked_for_comes_with_what_it_needs_each_with_its_digest(index: Path) -> None:
    section = wheels.resolve(REQUEST, "amd64", tools(), {})
    assert versions(section) == {"helper": "1.1", "tool": "2"}
    for package in section.packages:
        assert package.url == (index / package.name).as_uri()
        assert f"sha256:{package.sha256}" == file_digest(index / package.name)
    assert {package.architecture for package in section.packages} == {"all", "amd64"}
    assert Lock.model_validate(Lock(sections={"wheels": section}).model_dump()).sections["wheels"] == section


def test_versions_stay_where_they_fit_and_move_where_they_do_not(index: Path) -> None:
    assert versions(wheels.resolve(REQUEST, "amd64", tools(), {"helper": "1.0"})) == {"helper": "1.0", "tool": "2"}
    assert versions(wheels.resolve(REQUEST, "amd64", tools(), {"helper": "2.0"})) == {"helper": "1.1", "tool": "2"}
    assert versions(wheels.resolve(REQUEST, "amd64", tools(), {"tool": "1"}))["tool"] == "2"


def test_a_wheel_for_a_newer_c_library_is_not_taken(index: Path) -> None:
    with pytest.raises(WheelsUnresolved, match=r"tool==2 for the tools root:\n(.*\n)*.*helper"):
        wheels.resolve(REQUEST, "amd64", tools(libc="2.27-1"), {})


def test_a_wheel_that_nobody_has_is_told_in_pips_words(index: Path) -> None:
    wanted = REQUEST.model_copy(update={"install": ("tool==9",)})
    with pytest.raises(WheelsUnresolved, match=r"No matching distribution found for tool==9") as caught:
        wheels.resolve(wanted, "amd64", tools(), {})
    assert "pip config list" in str(caught.value.hint)


def test_an_environment_runs_the_modules_and_programs_of_its_wheels(make_job: MakeJob, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    files = {
        "tool-2.data/scripts/run-tool": "#!/usr/bin/env python3\nimport tool\nprint(tool.VERSION)\n",
        "tool-2.data/data/share/tool/data": "data\n",
        "tool-2.data/purelib/more.py": "WORD = 'more'\n",
    }
    make_wheel(folder, "tool", "2", files=files)
    made = make_job({"wheels": folder}, "python")
    PythonStage(PythonOptions(links=(("etc/tool", "/work/tool"),))).run(made)
    used = make_job({"python": made.output}, "use")
    environment = {"PATH": "/inputs/python/bin:/usr/bin"}
    assert used.sandbox.read(["run-tool"], environment=environment) == b"2\n"
    program = "import more, sys, time; print(more.WORD, sys.prefix, time.time())"
    said = used.sandbox.read(["python3", "-c", program], environment=environment).decode().split()
    assert said == ["more", "/inputs/python", f"{used.epoch}.0"]
    assert (made.output / "share/tool/data").read_text() == "data\n"
    assert str((made.output / "etc/tool").readlink()) == "/work/tool"


def test_an_environment_is_the_same_bytes_whenever_it_is_made(make_job: MakeJob, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "tool", "2", files={"many.py": "NAMES = {'a', 'b', 'c'}\n" * 50})
    contents = []
    for name in ("one", "two"):
        job = make_job({"wheels": folder}, name)
        PythonStage(PythonOptions()).run(job)
        found = {path.relative_to(job.output): path for path in job.output.rglob("*") if path.is_file()}
        contents.append({name: path.read_bytes() for name, path in found.items() if not path.is_symlink()})
    assert contents[0] == contents[1]
    assert any(path.suffix == ".pyc" for path in contents[0])


def test_what_is_no_wheel_or_leads_out_of_the_environment_is_refused(make_job: MakeJob, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "broken-1-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(NotAWheel, match="broken-1"):
        PythonStage(PythonOptions()).run(make_job({"wheels": folder}, "broken"))
    (folder / "broken-1-py3-none-any.whl").unlink()
    make_wheel(folder, "bad", "1", files={"../../../../../outside": "x"})
    with pytest.raises(NotAWheel, match="leads out of the environment"):
        PythonStage(PythonOptions()).run(make_job({"wheels": folder}, "bad"))
    assert not list(tmp_path.rglob("outside"))
