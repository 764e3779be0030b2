"""Guests that never boot: a disk whose boot sector says something on the serial port and stops, in a real QEMU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.boot import accelerator, guest
from distrobuild.boot.accelerator import Accelerator, AcceleratorChoice, AcceleratorKind, KvmBroken, choose, run_probe
from distrobuild.boot.boxtests import BootFailed, BoxTestRun, run_box_tests
from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest, GuestNeverBooted
from distrobuild.boot.qemu import GuestOptions, Medium, QemuDied
from distrobuild.boot.result import Result
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job

TCG = Accelerator(AcceleratorKind.TCG, "tests measure nothing")
SHORT = 5.0
LONG = 60.0
"""Seconds; a test that waits so long has failed."""

MakeDisk = Callable[..., GuestOptions]


@pytest.fixture
def make_disk(make_job: Callable[..., Job]) -> MakeDisk:
    """Make a disk that says `message` and then halts, or resets the machine."""

    def make(message: str, *, reset: bool = False) -> GuestOptions:
        job = make_job({"sector.S": Path(__file__).with_name("sector.S")}, "sector")
        (job.work / "message").write_bytes(message.encode())
        job.sandbox.run(["as", "--32", "--defsym", f"RESET={int(reset)}", "-o", "/work/disk.o", "/inputs/sector.S"])
        link = ["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary"]
        job.sandbox.run([*link, "-o", "/out/disk", "/work/disk.o"])
        return GuestOptions(job.output / "disk", Medium.DISK, memory_mib=64, cpus=1)

    return make


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def never_boots(options: GuestOptions, tools_root: Path, results: Path, seconds: float) -> str:
    """Boot, expect a failure, and return what it says."""
    with Guest(options, tools_root, results, TCG) as guest, pytest.raises(GuestNeverBooted) as caught:
        guest.wait_until_running(seconds)
    assert not guest.is_on
    return caught.value.message


def test_a_guest_that_hangs_is_given_up_with_the_tail_of_its_console(
    make_disk: MakeDisk, tools_root: Path, results: Path
) -> None:
    message = never_boots(make_disk("one\r\nGNU GRUB\r\nthe last line\r\n"), tools_root, results, SHORT)
    assert "did not answer by ssh within 5 s" in message
    assert "last seen: the boot loader" in message
    assert message.endswith("console.log ends:\n    one\n    GNU GRUB\n    the last line")
    assert (results / "console.log").read_bytes() == b"one\r\nGNU GRUB\r\nthe last line\r\n"


def test_a_panic_ends_the_wait_long_before_the_time_limit(make_disk: MakeDisk, tools_root: Path, results: Path) -> None:
    panic = "[    1.000000] Kernel panic - not syncing: No working init found."
    message = never_boots(make_disk(f"{panic}\r\n"), tools_root, results, LONG)
    assert message.startswith(f"the guest never booted: kernel panic: {panic}\n")


LOST = "[   21.8] rcu: rcu_preempt kthread timer wakeup didn't happen for 20999 jiffies! g-1 f0x0"


def test_a_start_in_which_the_emulator_loses_a_timer_is_made_again_but_not_for_ever(
    make_disk: MakeDisk, tools_root: Path, results: Path
) -> None:
    message = never_boots(make_disk(f"{LOST}\r\n"), tools_root, results, 12.0)
    assert f"on the console: lost timer: {LOST}" in message
    assert (results / "console.log").read_text().count(LOST) == 1 + guest.RETRIES


def test_a_start_that_is_taken_back_leaves_nothing_on_the_disks(
    make_disk: MakeDisk, tools_root: Path, results: Path
) -> None:
    options = replace(make_disk("up\r\n"), disks_mib=(1,))
    with Guest(options, tools_root, results, TCG) as booted:
        booted.machine.process.kill()
        booted.machine.process.wait(LONG)
        disk = booted.machine._work / "disk0"
        disk.write_bytes(b"written by a start that did not count")
        booted.machine.try_again()
        assert disk.read_bytes() == bytes(1 << 20)
        assert booted.is_on


def test_a_start_that_was_logged_in_to_is_not_taken_back(make_disk: MakeDisk, tools_root: Path, results: Path) -> None:
    with Guest(make_disk(f"{LOST}\r\n"), tools_root, results, TCG) as booted:
        booted._in_use = booted.machine.process
        with pytest.raises(GuestNeverBooted):
            booted.wait_until_running(SHORT)
    assert booted.retries == 0


def test_under_kvm_a_lost_timer_is_the_guests_own(make_disk: MakeDisk, tools_root: Path, results: Path) -> None:
    kvm = replace(TCG, kind=AcceleratorKind.KVM)
    with Guest(make_disk(f"{LOST}\r\n"), tools_root, results, TCG) as booted:
        booted.accelerator = kvm
        with pytest.raises(GuestNeverBooted):
            booted.wait_until_running(SHORT)
    assert booted.retries == 0


def test_a_guest_that_resets_is_not_booted_again_and_again(
    make_disk: MakeDisk, tools_root: Path, results: Path
) -> None:
    message = never_boots(make_disk("last words\r\n", reset=True), tools_root, results, LONG)
    assert "QEMU ended with status 0: guest-reset" in message
    assert message.endswith("    last words")


def test_the_screen_of_a_guest_can_be_seen(make_disk: MakeDisk, tools_root: Path, results: Path) -> None:
    with Guest(make_disk("up\r\n"), tools_root, results, TCG) as guest:
        assert guest.screenshot().read_bytes().startswith(b"\x89PNG\r\n")


def test_two_guests_at_once_have_a_port_each(make_disk: MakeDisk, tools_root: Path, tmp_path: Path) -> None:
    options = make_disk("up\r\n")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with (
        Guest(options, tools_root, tmp_path / "first", TCG) as first,
        Guest(options, tools_root, tmp_path / "second", TCG) as second,
    ):
        assert first.machine.ssh_port != second.machine.ssh_port
        assert (first.machine.monitor.status, second.machine.monitor.status) == ("running", "running")


def test_what_qemu_does_not_like_is_told_in_its_own_words(make_disk: MakeDisk, tools_root: Path, results: Path) -> None:
    options = replace(make_disk("up\r\n"), cpus=100_000)
    with pytest.raises(QemuDied, match="Invalid SMP CPUs 100000"), Guest(options, tools_root, results, TCG):
        pass


def test_box_tests_on_an_image_that_never_boots_keep_what_was_seen(
    make_disk: MakeDisk, tools_root: Path, tmp_path: Path
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_box.py").write_text("def test_guest(host):\n    pass\n\ndef test_more(host):\n    pass\n", "utf-8")
    run = BoxTestRun(
        make_disk("up\r\n"), tools_root, (tests,), Facts(), tmp_path / "results", AcceleratorChoice.TCG, SHORT
    )
    with pytest.raises(BootFailed, match="the guest never booted: it did not answer by ssh within 5 s"):
        run_box_tests(run, print)
    result = Result.model_validate_json((run.results / "result.json").read_bytes())
    assert result.error is not None
    assert result.error.kind == "GuestNeverBooted"
    assert (run.results / "console.log").read_bytes() == b"up\r\n"
    assert (run.results / "screenshot.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_the_probe_passes_where_guests_run(tools_root: Path) -> None:
    probe = run_probe(TCG, tools_root)
    assert probe.works, probe.finding


def test_a_guest_that_dies_of_an_instruction_is_a_broken_accelerator(
    tools_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = accelerator.PROBE_SOURCE.read_text("utf-8")
    broken = tmp_path / "probe.S"
    broken.write_text(source.replace("lock cmpxchg16b scratch(%rip)", "ud2"), "utf-8")
    monkeypatch.setattr(accelerator, "PROBE_SOURCE", broken)
    probe = run_probe(TCG, tools_root)
    assert not probe.works
    assert "after `long mode`" in probe.finding


def test_a_kvm_device_that_opens_but_runs_nothing_means_emulation(
    tools_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", Path("/dev/null"))
    chosen = choose(AcceleratorChoice.AUTO, tools_root, tmp_path)
    assert chosen.kind is AcceleratorKind.TCG
    assert "a probe guest ended before its first step" in chosen.reason
    with pytest.raises(KvmBroken, match="KVM does not work here: a probe guest ended"):
        choose(AcceleratorChoice.KVM, tools_root, tmp_path)


def test_the_answer_is_remembered_until_the_host_boots_again(
    tools_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", Path("/dev/null"))
    first = choose(AcceleratorChoice.AUTO, tools_root, tmp_path / "cache")
    monkeypatch.setattr(accelerator, "PROBE_COMMANDS", (("false",),))  # whoever probes now fails
    assert choose(AcceleratorChoice.AUTO, tools_root, tmp_path / "cache") == first
    (tmp_path / "boot_id").write_text("another boot\n", "ascii")
    monkeypatch.setattr(accelerator, "BOOT_ID", tmp_path / "boot_id")
    with pytest.raises(ProgramFailed):
        choose(AcceleratorChoice.AUTO, tools_root, tmp_path / "cache")


def test_a_machine_without_kvm_emulates_and_says_so(
    tools_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "kvm")
    assert "this machine has no" in choose(AcceleratorChoice.AUTO, tools_root).reason
