"""The command line: what it prints, refuses and returns; known jobs on devices."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from mlos_accel import cli, jobs, selftest
from mlos_accel.device import Device
from mlos_accel.errors import CannotTest
from mlos_accel.jobs import Matrix, Row
from mlos_accel.jobs.fake import Fake

from tests.unit.accel import SOURCE
from tests.unit.accel.conftest import Machine

Run = Callable[..., tuple[int, str, str]]
FAKE = Device(uuid="fake", uuid_source="place", name="Fake", driver="declared", declared=True, probe="fake")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], machine: Machine) -> Run:
    """Run the command on a machine: exit status, standard output and standard error."""

    def call(name: str, *arguments: str) -> tuple[int, str, str]:
        status = cli.main(["--root", str(machine(name)), *arguments])
        said = capfd.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def practice(machine: Machine) -> Path:
    """The machine `hub` with a declared device, which comes last."""
    root = machine("hub")
    folder = root / "etc/mlos/accelerators.d"
    folder.mkdir(parents=True)
    (folder / "practice.toml").write_text('name = "Practice"\n')
    return root


def test_a_list_is_what_comes_without_a_command(run: Run) -> None:
    assert run("hopper") == run("hopper", "list")
    assert run("hopper")[1].splitlines()[1].split() == ["0", "gpu", "NVIDIA", "H200", "0000:18:00.0", "0", "ok"]


def test_no_accelerator_is_no_mistake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in (["list"], ["show"], ["cdi"], ["cdi", "--output", str(tmp_path / "cdi")]):
        assert cli.main(["--root", str(tmp_path), *command]) == 0
        said = capfd.readouterr()
        assert said.out.strip() == ""
        assert "no " in said.err


def test_devices_are_shown_by_name_or_all(run: Run) -> None:
    _, one, _ = run("hopper", "show", "0000:98:00.0")
    assert one.startswith("1  NVIDIA H200\n")
    assert "GPU-1f0e" not in one
    _, every, _ = run("hopper", "show")
    assert every.endswith(one)
    assert "GPU-1f0e" in every


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("nonsense",), 64),
        (("list", "extra"), 64),
        (("show", "7"), 69),
        (("test",), 64),
        (("test", "0", "--size", "0"), 64),
        (("test", "0", "--size", "many"), 64),
        (("test", "0"), 69),
        (("watch", "--interval", "0"), 64),
        (("watch",), 64),
        (("metrics", "--serve"), 64),
        (("cdi", "--output", "/proc/nowhere"), 73),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(arguments: tuple[str, ...], status: int, run: Run) -> None:
    code, out, err = run("hopper", *arguments)
    assert (code, out) == (status, "")
    assert re.fullmatch(r"mlos-accel: .+\n  .+\n", err)


def test_a_root_that_is_none_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", "/no/such/folder", "list"]) == 64
    assert "/no/such/folder" in capfd.readouterr().err


def test_a_wrong_declaration_is_told_beside_the_list(run: Run, machine: Machine) -> None:
    folder = machine("laptop") / "etc/mlos/accelerators.d"
    folder.mkdir(parents=True)
    (folder / "wrong.toml").write_text("nmae = 'x'\n")
    status, out, err = run("laptop", "list")
    assert status == 0
    assert "Lunar Lake" in out
    assert "probe fake: /etc/mlos/accelerators.d/wrong.toml" in err
    assert json.loads(run("laptop", "json")[1])["problems"][0]["probe"] == "fake"


def test_a_terminal_that_knows_no_degree_sign_is_no_mistake(machine: Machine) -> None:
    environment = {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, SOURCE / "mlos-accel", "--root", machine("instinct"), "show", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"187 W, at most 750 W, 48 ?C" in done.stdout


def test_a_pipe_that_closes_is_no_mistake(machine: Machine) -> None:
    script = f"{sys.executable} {SOURCE}/mlos-accel --root {machine('hub')} json | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.endswith(b"0\n")


@pytest.mark.usefixtures("practice")
def test_a_declared_device_computes_as_numpy_does(run: Run) -> None:
    status, out, err = run("hub", "test", "5", "--size", "33", "--seed", "7")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"5  Practice \(declared\): int8 matrices of 33 x 33, multiplied in [\d.]+ ms: as NumPy\n", out)


@pytest.mark.usefixtures("practice")
def test_a_device_that_computes_wrongly_is_found_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Fake):
        def multiply(self, left: Matrix, right: Matrix) -> Matrix:
            result = super().multiply(left, right)
            result[3][4] ^= 1
            return result

    monkeypatch.setitem(jobs.RUNNERS, "fake", lambda _device: Wrong())
    status, out, _ = run("hub", "test", "5", "--size", "8")
    assert status == 1
    assert "1 of 64 numbers are not NumPy's" in out


def test_a_result_of_another_shape_is_wrong_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(Fake):
        def multiply(self, left: Matrix, right: Matrix) -> Matrix:
            return super().multiply(left, right)[:-1]

    monkeypatch.setitem(jobs.RUNNERS, "fake", lambda _device: Short())
    (outcome,) = selftest.run(FAKE, 4, 1)
    assert (outcome.wrong, outcome.numbers, outcome.passed) == (16, 16, False)


def test_operands_have_all_of_int8s_range() -> None:
    """A device that mistakes the sign, or sums in 16 bits, must not pass."""
    operands: list[Matrix] = []

    class Recorder(Fake):
        def multiply(self, left: Matrix, right: Matrix) -> Matrix:
            operands.extend((left, right))
            return super().multiply(left, right)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(jobs.RUNNERS, "fake", lambda _device: Recorder())
        list(selftest.run(FAKE, 64, 1))
    values = numpy.array(operands)
    assert (values.min(), values.max()) == (-128, 127)
    assert numpy.abs(values[0] @ values[1]).max() > 2**15


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_device_does_every_known_job_that_it_can(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Calculator(Fake):
        can = frozenset({"factorial", "copy", "import"})

    monkeypatch.setitem(jobs.RUNNERS, "fake", lambda _device: Calculator())
    outcomes = list(selftest.run(FAKE, 40, seed))
    assert [outcome.job for outcome in outcomes] == ["factorials of 40 numbers", "40 numbers, copied"]
    assert all(outcome.passed and outcome.numbers == 40 for outcome in outcomes)


def test_factorials_that_do_not_wrap_around_and_numbers_that_are_cut_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Saturated(Fake):
        can = frozenset({"factorial", "copy"})

        def factorials(self, numbers: Row) -> Row:
            return [min(math.factorial(number), 2**32 - 1) for number in numbers]

        def copy(self, numbers: Row) -> Row:
            return [number % 2**16 for number in numbers]

    monkeypatch.setitem(jobs.RUNNERS, "fake", lambda _device: Saturated())
    assert [outcome.passed for outcome in selftest.run(FAKE, 64, 1)] == [False, False]


def test_a_device_with_no_known_job_says_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Fake):
        can = frozenset({"fp32", "matmul"})

    monkeypatch.setitem(jobs.RUNNERS, "fake", lambda _device: Other())
    with pytest.raises(CannotTest) as refused:
        selftest.run(FAKE, 4, 1)
    assert "fp32, matmul" in refused.value.hint


def test_a_device_of_another_machine_is_not_tested_on_this_one(run: Run) -> None:
    status, out, err = run("hub", "test", "0")
    assert (status, out) == (69, "")
    assert "another machine" in err


def test_a_device_that_nothing_can_be_run_on_says_so() -> None:
    with pytest.raises(CannotTest) as refused:
        selftest.run(Device(uuid="x", uuid_source="place", name="A GPU", driver="nvidia", probe="nvidia"), 4, 1)
    assert "nvidia" in refused.value.hint


def test_without_numpy_a_test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(CannotTest, match="NumPy is not installed"):
        selftest.run(FAKE, 4, 1)
