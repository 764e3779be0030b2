"""What comes of box tests that fail on a real guest. One boot serves all tests here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from distrobuild.boot.boxtests import BoxTestRun, BoxTestsFailed, run_box_tests
from distrobuild.boot.facts import Facts
from distrobuild.boot.qemu import GuestOptions
from distrobuild.boot.result import Result
from tests import mlos

BOX_TESTS = """
def test_that_passes(host):
    assert host.file("/proc/version").contains("Linux")

def test_that_fails(host):
    assert host.file("/etc/there-is-no-such-file").exists

def test_whose_guest_panics(host):
    host.run("echo c > /proc/sysrq-trigger")

def test_after_the_panic(host):
    pass
"""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[BoxTestRun, BoxTestsFailed]:
    """A run of the tests above, and the error that it ended with."""
    folder = tmp_path_factory.mktemp("box")
    (folder / "tests").mkdir()
    (folder / "tests/test_box.py").write_text(BOX_TESTS, "utf-8")
    entries = mlos.build("tools", "iso")
    (image,) = entries["iso"].output.glob("*.iso")
    run = BoxTestRun(GuestOptions(image), entries["tools"].output, (folder / "tests",), Facts(), folder / "results")
    with pytest.raises(BoxTestsFailed) as caught:
        run_box_tests(run, print)
    return run, caught.value


def test_the_error_names_what_failed_and_only_that(failed: tuple[BoxTestRun, BoxTestsFailed]) -> None:
    assert list(failed[1].failed) == ["test_box.py::test_that_fails", "test_box.py::test_whose_guest_panics"]
    assert failed[1].message.startswith("2 of 3 box tests failed:")
    assert failed[1].exit_code == 1


def test_the_image_stays_and_so_does_what_was_seen(failed: tuple[BoxTestRun, BoxTestsFailed]) -> None:
    run, _ = failed
    assert run.guest.image.is_file()
    assert (run.results / "screenshot.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert 'name="test_that_fails"' in (run.results / "junit.xml").read_text("utf-8")
    result = Result.model_validate_json((run.results / "result.json").read_bytes())
    assert result.boot is not None
    assert result.passed == 1


def test_a_panic_while_tests_run_fails_the_test_that_caused_it_and_ends_the_run(
    failed: tuple[BoxTestRun, BoxTestsFailed],
) -> None:
    panic = "Kernel panic - not syncing: sysrq triggered crash"
    said = failed[1].failed["test_box.py::test_whose_guest_panics"]
    assert "the guest died: kernel panic: " in said
    assert panic in said
    assert panic.encode() in (failed[0].results / "console.log").read_bytes()


def test_a_build_whose_box_tests_fail_exits_1_keeps_the_image_and_says_which(tmp_path: Path) -> None:
    project = mlos.copy_project(tmp_path / "project")
    (project / "box").mkdir()
    (project / "box/test_box.py").write_text("def test_that_fails(host):\n    assert False\n", "utf-8")
    command = [str(Path(sys.executable).with_name("distrobuild")), "build", "ubuntu"]
    command += ["--set", f"targets.ubuntu.flavours.{mlos.FLAVOUR}.tests.path=box"]
    command += ["--base", mlos.BASE, "--flavour", mlos.FLAVOUR]
    ended = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "test_box.py::test_that_fails" in ended.stderr
    assert "not proven out/ubuntu/mlos-1.0.0-vm-amd64.iso" in ended.stdout
    report = json.loads((project / "out/ubuntu/build.json").read_text("utf-8"))
    assert list(report["boots"]["boot/seabios"]["failed"]) == ["test_box.py::test_that_fails"]
    assert list((project / "out/ubuntu").glob("*.iso"))
    assert (project / "out/ubuntu/boot/seabios/junit.xml").is_file()
