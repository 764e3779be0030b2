"""pytest really runs here, in a process of its own; the tests that it runs look at no guest."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.boot.boxtests import (
    BootFailed,
    BoxTestRun,
    BoxTestsBroken,
    BoxTestsFailed,
    NoBoxTests,
    run_box_tests,
)
from distrobuild.boot.facts import Facts
from distrobuild.boot.plugin import NEVER_BOOTED
from distrobuild.boot.qemu import GuestOptions
from distrobuild.boot.result import Result

FACTS = Facts(name="mlos", kernel_release="6.12.0-mlos-vm", symbols={"SMP": "y"})


@pytest.fixture
def run(tmp_path: Path) -> BoxTestRun:
    for name in ("tests", "root"):
        (tmp_path / name).mkdir()
    (tmp_path / "image.iso").touch()
    guest = GuestOptions(tmp_path / "image.iso")
    return BoxTestRun(guest, tmp_path / "root", (tmp_path / "tests",), FACTS, tmp_path / "results")


def write(run: BoxTestRun, text: str) -> None:
    (run.tests[0] / "test_box.py").write_text(text, "utf-8")


def quiet(_line: str) -> None:
    """Leave out what pytest prints."""


def test_a_failing_test_is_named_with_what_it_said(run: BoxTestRun) -> None:
    write(run, "def test_good():\n    pass\n\ndef test_bad():\n    assert 'seen' == 'wanted'\n")
    with pytest.raises(BoxTestsFailed, match=r"1 of 2 box tests failed:\n  test_box\.py::test_bad\n") as caught:
        run_box_tests(run, quiet)
    assert caught.value.exit_code == 1
    assert "assert 'seen' == 'wanted'" in caught.value.message
    result = Result.model_validate_json((run.results / "result.json").read_bytes())
    assert list(result.failed) == ["test_box.py::test_bad"]
    assert 'name="test_bad"' in (run.results / "junit.xml").read_text("utf-8")


def test_facts_arrive(run: BoxTestRun) -> None:
    write(run, f"def test_facts(facts):\n    assert facts.model_dump() != {FACTS.model_dump()!r}\n")
    with pytest.raises(BoxTestsFailed):
        run_box_tests(run, quiet)


def test_tests_that_never_looked_at_the_guest_prove_nothing(run: BoxTestRun) -> None:
    write(run, "def test_nothing():\n    pass\n")
    with pytest.raises(NoBoxTests, match="looked at the guest"):
        run_box_tests(run, quiet)


def test_a_folder_without_tests_proves_nothing(run: BoxTestRun) -> None:
    with pytest.raises(NoBoxTests, match="no box test"):
        run_box_tests(run, quiet)


def test_a_test_that_cannot_be_read_is_an_error_of_its_own(run: BoxTestRun) -> None:
    write(run, "def test_broken(:\n")
    with pytest.raises(BoxTestsBroken, match="SyntaxError"):
        run_box_tests(run, quiet)


def test_a_tools_root_without_qemu_is_named(run: BoxTestRun) -> None:
    write(run, "def test_guest(host):\n    pass\n")
    with pytest.raises(BootFailed, match="has no qemu-system-x86_64") as caught:
        run_box_tests(run, quiet)
    assert "qemu-system-x86" in (caught.value.hint or "")


def test_a_box_test_never_runs_on_this_machine_instead(run: BoxTestRun) -> None:
    write(run, "def test_host(host):\n    assert host.backend.get_connection_type() != 'local'\n")
    # As by hand: with every plugin that is installed, testinfra's own among them.
    command = run.command()
    run.results.mkdir()
    run.facts_file.write_text("{}")
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == NEVER_BOOTED, ended.stdout
    assert "has no qemu-system-x86_64" in ended.stdout


def test_the_callers_pytest_options_change_nothing(run: BoxTestRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    write(run, "def test_bad():\n    assert False\n")
    with pytest.raises(BoxTestsFailed):
        run_box_tests(run, quiet)


def test_the_test_that_turns_the_guest_off_runs_last(run: BoxTestRun) -> None:
    off = "import pytest\n\n@pytest.mark.shutdown\ndef test_off():\n    assert False\n"
    write(run, off + "\ndef test_on():\n    assert False\n")
    with pytest.raises(BoxTestsFailed) as caught:
        run_box_tests(run, quiet)
    assert list(caught.value.failed) == ["test_box.py::test_on", "test_box.py::test_off"]


def test_a_test_about_another_medium_is_left_out(run: BoxTestRun) -> None:
    marked = "import pytest\n\n@pytest.mark.media({})\ndef test_{}():\n    assert False\n\n"
    write(run, marked.format('"disk", "network"', "disk") + marked.format('"usb", "cdrom"', "disc"))
    with pytest.raises(BoxTestsFailed) as caught:
        run_box_tests(run, quiet)
    assert list(caught.value.failed) == ["test_box.py::test_disc"]


def test_a_test_of_the_system_is_left_out_on_a_further_image(run: BoxTestRun) -> None:
    marked = "import pytest\n\n@pytest.mark.main_image\ndef test_system():\n    assert False\n\n"
    write(run, marked + "def test_start():\n    assert False\n")
    for further, names in ((False, ["test_system", "test_start"]), (True, ["test_start"])):
        with pytest.raises(BoxTestsFailed) as caught:
            run_box_tests(replace(run, further=further), quiet)
        assert list(caught.value.failed) == [f"test_box.py::{name}" for name in names]


@pytest.fixture
def two(run: BoxTestRun, tmp_path: Path) -> BoxTestRun:
    """A run of the tests in `tests/shared here`, then of those in `tests/own`, each with its own idea of `who`."""
    for folder, who in (("shared here", "everybody"), ("own", "me")):
        files = {
            "conftest.py": f"import pytest\n\n@pytest.fixture\ndef who():\n    return {who!r}\n",
            f"test_{who}.py": "from machine import told\n\ndef test_who(who):\n    assert told(who) == 0\n",
        }
        for name, text in files.items():
            path = tmp_path / "tests" / folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    (tmp_path / "tests/own/machine.py").write_text("def told(who):\n    return f'{who} is told'\n", "utf-8")
    return replace(run, tests=(tmp_path / "tests/shared here", tmp_path / "tests/own"))


def test_folders_run_in_their_order_each_with_its_fixtures_and_share_their_modules(two: BoxTestRun) -> None:
    with pytest.raises(BoxTestsFailed) as caught:
        run_box_tests(two, quiet)
    first, second = caught.value.failed.items()
    assert first[0] == "shared here/test_everybody.py::test_who"
    assert "'everybody is told'" in first[1]
    assert second[0] == "own/test_me.py::test_who"
    assert "'me is told'" in second[1]


def test_chosen_tests_are_found_in_every_folder(two: BoxTestRun) -> None:
    with pytest.raises(BoxTestsFailed) as caught:
        run_box_tests(replace(two, select="test_me"), quiet)
    assert list(caught.value.failed) == ["own/test_me.py::test_who"]
    with pytest.raises(NoBoxTests, match=r"there is no box test in .*tests/shared here, .*tests/own for `nothing`"):
        run_box_tests(replace(two, select="nothing"), quiet)
