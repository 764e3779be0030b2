"""Which accelerator runs a guest, decided by really starting one.

A /dev/kvm that opens can still fail at the first unusual instruction (a nested or emulated host), so `auto` starts
the guest of `probe.S` under KVM. It takes a fraction of a second, and the answer holds until the host boots again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pexpect
from pexpect.fdpexpect import fdspawn

from distrobuild.boot.requirements import QEMU, require_qemu
from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import Sandbox

KVM_DEVICE = Path("/dev/kvm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROBE_SOURCE = Path(__file__).with_name("probe.S")
PROBE_PASSED = 33
"""QEMU's exit status when the probe has come through: (0x10 << 1) | 1."""
PROBE_SECONDS = 20.0
"""How long the probe may take; under KVM a healthy host needs 0.1 s, a broken one may never answer."""
STEPS = ("long mode", "cmpxchg16b", "shlx", "xsave", "exception")
"""What the probe says, in order; `shlx` and `xsave` only on processors that have them."""
STOPPED, ENDED, HUNG = range(3)
PROBE_COMMANDS = (
    ("as", "-o", "/work/probe.o", "/inputs/probe.S"),
    ("ld", "-m", "elf_x86_64", "-Ttext", "0x100000", "--oformat", "binary", "-o", "/work/probe", "/work/probe.o"),
)


class AcceleratorKind(StrEnum):
    """What executes the guest's instructions: the processor (`kvm`) or an emulator (`tcg`)."""

    KVM = "kvm"
    TCG = "tcg"


class AcceleratorChoice(StrEnum):
    """What a user asks for; `auto` is KVM where it works."""

    AUTO = "auto"
    KVM = "kvm"
    TCG = "tcg"


PROCESSORS = {AcceleratorKind.KVM: "host", AcceleratorKind.TCG: "max"}
"""Everything the accelerator can do. QEMU older than 8 corrupts guests with tcg and `max`; the tools root has 10."""

ARGUMENTS = {AcceleratorKind.KVM: "kvm", AcceleratorKind.TCG: "tcg,thread=multi"}


class KvmBroken(DistrobuildError):
    """KVM was asked for and cannot run a guest."""


@dataclass(frozen=True)
class Accelerator:
    """The accelerator that a guest gets, and the `reason` for it in words."""

    kind: AcceleratorKind
    reason: str

    @property
    def argument(self) -> str:
        """What follows QEMU's `-accel`."""
        return ARGUMENTS[self.kind]

    @property
    def devices(self) -> tuple[Path, ...]:
        """Devices of the host that the sandbox must show."""
        return (KVM_DEVICE,) if self.kind is AcceleratorKind.KVM else ()

    def __str__(self) -> str:
        return f"{self.kind}, because {self.reason}"


@dataclass(frozen=True)
class Probe:
    """What came of starting the probe: `works`, and what was seen."""

    works: bool
    finding: str


def choose(choice: AcceleratorChoice, tools_root: Path, cache: Path | None = None) -> Accelerator:
    """The accelerator for `choice`; `cache` is a folder that remembers the probe until the host boots again.

    Raises `KvmBroken` if KVM was asked for by name and does not work, `QemuMissing` if there is nothing to start.
    """
    require_qemu(tools_root)
    if choice is AcceleratorChoice.TCG:
        return Accelerator(AcceleratorKind.TCG, "it was asked for")
    probe = probe_kvm(tools_root, cache)
    if probe.works:
        return Accelerator(AcceleratorKind.KVM, probe.finding)
    if choice is AcceleratorChoice.KVM:
        raise KvmBroken(f"KVM does not work here: {probe.finding}", hint="use `auto` or `tcg`: slower, but it runs")
    return Accelerator(AcceleratorKind.TCG, probe.finding)


def probe_kvm(tools_root: Path, cache: Path | None = None) -> Probe:
    """Start the probe under KVM, unless this host has answered since it booted."""
    if not KVM_DEVICE.exists():
        return Probe(False, f"this machine has no {KVM_DEVICE}")
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return Probe(False, f"this user may not open {KVM_DEVICE} (group `kvm`)")
    remembered = cache / f"kvm-{_question(tools_root)}.json" if cache else None
    if remembered and remembered.is_file():
        return Probe(**json.loads(remembered.read_text("utf-8")))
    probe = run_probe(Accelerator(AcceleratorKind.KVM, "it is probed"), tools_root)
    if remembered:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        temporary = remembered.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(asdict(probe)), "utf-8")
        temporary.replace(remembered)
    return probe


def _question(tools_root: Path) -> str:
    """Names what an answer depends on: this boot of the host, the probe, this QEMU."""
    qemu = require_qemu(tools_root).stat()
    parts = [BOOT_ID.read_text("ascii"), PROBE_SOURCE.read_text("utf-8"), str(qemu.st_size), str(qemu.st_mtime_ns)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def run_probe(accelerator: Accelerator, tools_root: Path) -> Probe:
    """Assemble the probe and start it under `accelerator`."""
    with tempfile.TemporaryDirectory(prefix="distrobuild-probe-") as folder:
        work = Path(folder)
        lines: list[str] = []
        sandbox = Sandbox(
            root=tools_root,
            inputs={"probe.S": PROBE_SOURCE},
            work=work,
            output=work,
            epoch=0,
            devices=accelerator.devices,
            log=lines.append,
        )
        for command in PROBE_COMMANDS:
            sandbox.run(command)
        process = sandbox.start(_guest(accelerator), stdout=subprocess.PIPE)
        return _outcome(process)


def _guest(accelerator: Accelerator) -> list[str]:
    return [
        *(QEMU, "-no-user-config", "-nodefaults", "-machine", "q35", "-m", "64M", "-display", "none", "-no-reboot"),
        *("-accel", accelerator.argument, "-cpu", PROCESSORS[accelerator.kind], "-kernel", "/work/probe"),
        *("-chardev", "stdio,id=steps", "-device", "isa-debugcon,iobase=0xe9,chardev=steps"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=4"),
    ]


def _outcome(process: subprocess.Popen[bytes]) -> Probe:
    """Follow the probe until it ends, stops at an instruction, or runs out of time."""
    with process:
        assert process.stdout is not None
        output = fdspawn(process.stdout.fileno(), timeout=PROBE_SECONDS, encoding="utf-8", codec_errors="replace")
        # A guest that KVM cannot go on with is paused for a debugger, QEMU stays.
        event = output.expect([r"KVM internal error[^\r\n]*", pexpect.EOF, pexpect.TIMEOUT])
        if event != ENDED:
            process.kill()
    said = (output.before or "") + (output.after if isinstance(output.after, str) else "")
    lines = [line for line in said.splitlines() if line.strip()]
    steps = [line for line in lines if line in STEPS]
    if process.returncode == PROBE_PASSED:
        return Probe(True, f"a probe guest passed {', '.join(steps)}")
    where = f"after `{steps[-1]}`" if steps else "before its first step"
    errors = [line for line in lines if line not in STEPS] or [f"exit status {process.returncode}"]
    silent = f"nothing for {PROBE_SECONDS:g} s"
    return Probe(False, f"a probe guest ended {where}: {silent if event == HUNG else errors[0]}")
