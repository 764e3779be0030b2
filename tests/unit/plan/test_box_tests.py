"""The folders of box tests in a plan: each counts, and what the images of this project run is what is meant."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from distrobuild.boot.boxtests import BoxTestRun, BoxTestsFailed
from distrobuild.boot.facts import Facts
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.engine.boxtests import prove_image
from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import Stream
from distrobuild.engine.store import Store
from distrobuild.manifest import targets
from distrobuild.manifest.loader import load
from distrobuild.plan.graph import Input, Node, Tree
from distrobuild.plan.key import keys
from distrobuild.stages.boot import BootOptions, BootStage, box_tests_input
from tests.unit.engine.small_stages import plan, write

ROOT = Path(__file__).parents[3]


def test_a_folder_and_a_list_with_that_folder_are_the_same() -> None:
    assert targets.Tests(path="checks").folders == targets.Tests(path=("./checks/",)).folders == ("checks",)


@pytest.mark.parametrize("target", ["ubuntu", "flatcar"])
@pytest.mark.parametrize("package", ["mlos-sched", "mlos-tensormem", "mlos-dataplane"])
def test_every_target_ships_what_its_box_tests_would_skip_without(target: str, package: str) -> None:
    loaded = load([ROOT / "distro.yaml"])
    assert package in loaded.manifest.targets[target].packages


def boot(project: Path, *folders: str) -> Node:
    """A boot stage with these folders of tests, an image that is empty and a tools root without QEMU."""
    options = BootOptions(name="mlos", version="1.0", flavour="vm", base_distribution="debian", tests=folders)
    inputs: dict[str, Input] = {box_tests_input(folder): Tree(project / folder, folder) for folder in folders}
    inputs |= {name: Tree(project / name, name) for name in ("image", "kernel", "repository")}
    return Node("boot/seabios", BootStage(options), inputs, write("tools", "no program"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two folders of tests, each with one that fails, and what goes into a boot beside them."""
    fails = "def test_that_fails():\n    assert False\n"
    files = {"checks/common/test_common.py": fails, "checks/own/test_own.py": fails, "image/mlos.iso": ""}
    files |= dict.fromkeys(("kernel/release", "kernel/applied", "kernel/requested", "repository/repository/none"), "")
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text, "utf-8")
    return tmp_path / "project"


@pytest.mark.parametrize("changed", ["checks/common/test_common.py", "checks/own/test_own.py", "checks/own/data.json"])
def test_every_file_of_every_folder_counts(project: Path, changed: str) -> None:
    node = boot(project, "checks/common", "checks/own")
    before = keys(plan(node))[node.name].key
    (project / changed).write_text("# other\n", "utf-8")
    assert keys(plan(node))[node.name].key != before


def test_their_order_counts(project: Path) -> None:
    one, other = (
        boot(project, *folders) for folders in (("checks/common", "checks/own"), ("checks/own", "checks/common"))
    )
    assert keys(plan(one))[one.name].key != keys(plan(other))[other.name].key


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(Store(tmp_path / "store"), "project", Stream(lambda _event: None), cpus=2)


def test_a_build_runs_every_folder_and_names_tests_as_in_the_project(engine: Engine, project: Path) -> None:
    with pytest.raises(StageError) as caught:
        engine.build(plan(boot(project, "checks/own", "checks/common")))
    assert isinstance(caught.value.__cause__, BoxTestsFailed)
    names = ["own/test_own.py::test_that_fails", "common/test_common.py::test_that_fails"]
    assert list(caught.value.__cause__.failed) == names


def test_chosen_tests_are_run_outside_of_a_build(engine: Engine, project: Path, tmp_path: Path) -> None:
    node = boot(project, "checks/own", "checks/common")
    engine.build(plan(*node.needs))
    with pytest.raises(BoxTestsFailed) as caught:
        prove_image(engine, plan(node), node.name, "test_common", tmp_path / "results", lambda _line: None)
    assert list(caught.value.failed) == ["common/test_common.py::test_that_fails"]


def collected(folders: tuple[Path, ...], results: Path, medium: Medium, *, further: bool = False) -> list[str]:
    """The tests that the runner would run, by name, in their order; nothing is booted."""
    guest = GuestOptions(results / "image.iso", medium)
    run = BoxTestRun(guest, results, folders, Facts(), results, further=further)
    run.facts_file.write_text("{}", "utf-8")
    command = [*run.command(), "--collect-only", "-q"]
    command.remove("-v")
    ended = subprocess.run(command, cwd=run.root, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [line for line in ended.stdout.splitlines() if "::" in line]


@pytest.fixture
def folders(request: pytest.FixtureRequest) -> tuple[Path, ...]:
    """The folders of a target of this project."""
    tests = load([ROOT / "distro.yaml"]).manifest.targets[request.param].tests
    assert tests is not None
    return tuple(ROOT / folder for folder in tests.folders)


@pytest.mark.parametrize("folders", ["ubuntu", "flatcar"], indirect=True)
def test_the_system_is_judged_after_all_that_was_done_to_it_and_turned_off_last(
    folders: tuple[Path, ...], tmp_path: Path
) -> None:
    names = collected(folders, tmp_path, Medium.DISK)
    assert names[-1] == "common/test_shutdown.py::test_the_machine_powers_off_cleanly"
    judged = names.index("common/test_state.py::test_the_kernel_log_shows_no_trouble")
    assert {name.partition("/")[0] for name in names[:judged]} >= {"node", folders[1].name}
    assert not [name for name in names[judged:] if name.startswith("node/")]


@pytest.mark.parametrize("folders", ["flatcar"], indirect=True)
def test_a_further_image_is_spared_what_its_main_one_has_proven(folders: tuple[Path, ...], tmp_path: Path) -> None:
    spared = {*collected(folders, tmp_path, Medium.USB)} - {*collected(folders, tmp_path, Medium.USB, further=True)}
    proven = {"node/test_roles.py", "node/test_flash_cache.py", "tensormem/test_tensormem.py"}
    proven |= {"accel/test_accel.py", "accel/test_plugged.py"}
    assert {name.partition("::")[0] for name in spared} == proven
    assert "node/test_roles.py::test_nothing_deviates_from_the_role_after_the_start" not in spared
