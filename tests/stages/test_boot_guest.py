"""Guests that never boot: a disk whose boot sector says something on the serial port and stops, in a real QEMU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.boot import accelerator
from distrobuild.boot.accelerator import Accelerator, AcceleratorChoice, AcceleratorKind, KvmBroken, choose, run_probe
from distrobuild.boot.boxtests import BootFailed, BoxTestRun, run_box_tests
from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest, GuestNeverBooted
from distrobuild.boot.qemu import GuestOptions, Medium, QemuDied
from distrobuild.boot.result import Result
from distrobuild.stages.stage import Job

TCG = Accelerator(AcceleratorKind.TCG, "tests measure nothing")
SHORT = 5.0
LONG = 600.0
"""Seconds; a test that waits so long has failed."""

MakeDisk = Callable[..., GuestOptions]


@pytest.fixture
def make_disk(make_job: Callable[..., Job]) -> MakeDisk:
    """Make a disk that says `message` and then halts, or resets the machine."""

    def make(message: str, *, reset: bool = False) -> GuestOptions:
        job = make_job({"sector.S": Path(__file__).with_name("sector.S")}, "sector")
        text = message.encode("unicode_escape").decode().replace('"', '\\"')
        (job.work / "message.S").write_text(f'.set RESET, {int(reset)}\n.macro MESSAGE\n.endm\n')
        source = (job.inputs["sector.S"].read_text()).replace("MESSAGE", f'"{text}"', -1)
        (job.work / "disk.S").write_text(f".set RESET, {int(reset)}\n{source}")
        job.sandbox.run(["as", "--32", "-o", "/work/disk.o", "/work/disk.S"])
        job.sandbox.run(
            ["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", "/out/disk", "/work/disk.o"]
        )
        return GuestOptions(job.output / "disk", Medium.DISK, memory_mib=64, cpus=1)

    return make
