"""Boot a kernel with nothing but one test program, and read what it says.

No system stands around it: an initial RAM file system of a first process (`templates/kernel_test`) and the programs, a
serial console, and KTAP on it. So a test takes the seconds that it needs, and whatever it finds is the kernel's. Where
the kernel looks for memory that it lost, the first process asks for it when the programs have ended.

Measurements repeat if guest time is counted in instructions: QEMU's `-icount` with one emulated processor. They then do
not depend on what else the host does.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar

from distrobuild.boot.accelerator import PROCESSORS, Accelerator, AcceleratorChoice, AcceleratorKind, choose
from distrobuild.boot.requirements import QEMU
from distrobuild.boot.signs import plain, trouble_in
from distrobuild.errors import DistrobuildError
from distrobuild.formats.kernel_modules import module_name
from distrobuild.formats.ktap import Outcome, Report, read_ktap
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox
from distrobuild.stages.kernel_tree import KernelTree
from distrobuild.stages.stage import Job, Options, Stage

INIT = Path(__file__).parent / "templates" / "kernel_test"
INIT_SOURCES = ("init.c", "leaks.c")
COMPILE = ("cc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-static", "-pthread")
TARGET = "/work/initrd/tests/program"
COUNTED = ("-accel", "tcg", "-icount", "shift=2,sleep=off")
"""Each instruction takes 4 ns of guest time, and a processor that sleeps takes none of the host's."""
PARAMETERS = ("console=ttyS0", "panic=-1", "tsc=reliable", "no_timer_check")
"""A panic restarts, which ends QEMU. Without a second clock to compare with, the TSC would be doubted. A host that is
busy elsewhere may miss the ticks by which the kernel looks whether its timer works at all."""
PACK = (
    "cd /work/initrd && find . | LC_ALL=C sort | cpio --quiet --create --format=newc --owner=+0:+0 > /work/initrd.cpio"
)
ENDED = re.compile(r"# (?P<program>\S+) ended with status (?P<status>\d+)")
LEAKED = re.compile(r"# kmemleak (?!found 0 leaks)(?:found|cannot) .*")
"""What leaks.c says if memory was lost, or if it could not find out."""
SKIP_STATUS = 4
"""What a program of kselftest ends with that found nothing to do (KSFT_SKIP in kselftest.h)."""
KILLED = 137
UNLOADED = re.compile(r"# \S+ cannot be loaded: .*")
"""What the first process says of a module."""
LAST_LINES = 15
RESULT = "result.json"


class KernelTestFailed(DistrobuildError):
    """A test of the kernel failed, did not end, or the kernel complained meanwhile."""


class KernelTestOptions(Options):
    """Which machine, and what runs on it."""

    selftest: str | None = None
    """The kernel's own selftest instead of the input `program`."""
    arguments: tuple[str, ...] = ()
    """What the program is called with."""
    parameters: tuple[str, ...] = ()
    """Kernel parameters."""
    cpus: int = 1
    """Processors of the guest."""
    numa_nodes: int = 1
    """NUMA nodes that share processors and memory."""
    modules: tuple[str, ...] = ()
    """Modules that are loaded before the programs run."""
    devices: tuple[str, ...] = ()
    """What else the guest has, each as QEMU's `-device` takes it."""
    counted: bool = False
    """Whether guest time is counted in instructions."""
    memory_mib: int = 1024
    """Memory of the guest in MiB."""
    timeout_seconds: float = 600
    """How long it may take, in seconds."""


class KernelTestStage(Stage[KernelTestOptions]):
    """A kernel and a program -> what the program found."""

    kind: ClassVar[str] = "kernel_test"
    exclusive: ClassVar[bool] = True
    inputs: ClassVar[Mapping[str, str]] = {
        "kernel": "what the kernel stage made",
        "program": "C source of the program; neither this nor a selftest: the tests of KUnit in the kernel",
        "include": "headers of the program",
    }
    outputs: Mapping[str, str] = {
        RESULT: "accelerator and tests: name, outcome, note",
        "console.log": "everything the serial console said",
    }

    def run(self, job: Job) -> None:
        """Boot and read. Raises `KernelTestFailed`; /out keeps the console's log."""
        self._pack(job)
        job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/kernel/debs/{self._package(job)}", "/work/package"])
        (image,) = (job.work / "package" / "boot").glob("vmlinuz-*")
        shutil.copyfile(image, job.work / "vmlinuz")
        assert job.sandbox.root is not None
        choice = AcceleratorChoice.TCG if self.options.counted else AcceleratorChoice.AUTO
        accelerator = choose(choice, job.sandbox.root, job.cache)
        lines, ended = self._boot(job, accelerator)
        (job.output / "console.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        report = read_ktap(lines)
        self._record(job, accelerator, report)
        if problem := self._problem(lines, report, ended=ended):
            raise KernelTestFailed("\n  ".join([problem, "the console ends:", *lines[-LAST_LINES:]]))

    def command(self, accelerator: Accelerator) -> list[str]:
        """QEMU with this machine."""
        options = self.options
        accel = COUNTED if options.counted else ("-accel", accelerator.argument)
        # Processors that share a socket share a cache, and the kernel warns if they are on different nodes.
        sockets = f",sockets={options.cpus}" if options.numa_nodes > 1 else ""
        parameters = [*PARAMETERS, *options.parameters, *(["--", *options.arguments] if options.arguments else [])]
        return [
            *(QEMU, "-no-user-config", "-nodefaults", "-machine", "q35,sata=off", "-display", "none", "-no-reboot"),
            *(
                *accel,
                "-cpu",
                PROCESSORS[accelerator.kind],
                "-smp",
                f"{options.cpus}{sockets}",
                "-m",
                f"{options.memory_mib}M",
            ),
            *("-kernel", "/work/vmlinuz", "-initrd", "/work/initrd.cpio", "-append", " ".join(parameters)),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *(self._numa() if options.numa_nodes > 1 else ()),
            *(word for device in options.devices for word in ("-device", device)),
        ]

    def _numa(self) -> Iterator[str]:
        """Each node with its part of the memory; processors are dealt out in turn."""
        options = self.options
        share, rest = divmod(options.memory_mib, options.numa_nodes)
        for node in range(options.numa_nodes):
            processors = [f",cpus={cpu}" for cpu in range(node, options.cpus, options.numa_nodes)]
            yield "-object"
            yield f"memory-backend-ram,id=memory{node},size={share + (0 if node else rest)}M"
            yield "-numa"
            yield f"node,nodeid={node},memdev=memory{node}{''.join(processors)}"

    def _package(self, job: Job) -> str:
        (package,) = (job.inputs["kernel"] / "debs").glob("linux-image-*.deb")
        return package.name

    def _pack(self, job: Job) -> None:
        """The initial RAM file system, with the programs below `tests`."""
        tests = job.work / "initrd" / "tests"
        tests.mkdir(parents=True)
        shutil.copytree(INIT, job.work / "init")
        job.sandbox.run([*COMPILE, "-o", "/work/initrd/init", *(f"/work/init/{name}" for name in INIT_SOURCES)])
        if "program" in job.inputs:
            headers = ("-I", "/inputs/include") if "include" in job.inputs else ()
            job.sandbox.run([*COMPILE, *headers, "-x", "c", "-o", TARGET, "/inputs/program", "-lm"])
        if self.options.selftest is not None:
            for program in sorted((job.inputs["kernel"] / "selftests" / self.options.selftest).iterdir()):
                shutil.copy2(program, tests)
        self._pack_modules(job)
        job.sandbox.run(["sh", "-c", PACK])

    def _pack_modules(self, job: Job) -> None:
        """What the first process loads, by names that sort as one module needs the other."""
        if not self.options.modules:
            return
        tree = KernelTree.unpack(job)
        folder = job.work / "initrd" / "modules"
        folder.mkdir()
        for place, file in enumerate(tree.index.in_order(self.options.modules)):
            shutil.copyfile(tree.modules / file, folder / f"{place:03}-{module_name(file)}.ko")

    def _boot(self, job: Job, accelerator: Accelerator) -> tuple[list[str], bool]:
        """What the console said, line by line, and whether the guest switched itself off in time."""
        lines: list[str] = []

        def keep(line: str) -> None:
            lines.append(plain(line))
            job.log(line)

        sandbox: Sandbox = replace(job.sandbox, devices=accelerator.devices, log=keep)
        limit = f"{self.options.timeout_seconds:g}"
        try:
            sandbox.run(["timeout", "--signal=KILL", limit, *self.command(accelerator)])
        except ProgramFailed as error:
            if error.status != KILLED:
                raise
            return lines, False
        return lines, True

    def _record(self, job: Job, accelerator: Accelerator, report: Report) -> None:
        counted = ", guest time counted in instructions" if self.options.counted else ""
        record = {
            "accelerator": f"{AcceleratorKind(accelerator.kind)}{counted}",
            "tests": [asdict(result) for result in report.results],
        }
        (job.output / RESULT).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        passed = sum(result.outcome is Outcome.PASSED for result in report.results)
        job.log(f"{passed} of {len(report.results)} tests passed")

    def _problem(self, lines: list[str], report: Report, *, ended: bool) -> str | None:
        """What went wrong first, in words."""
        for line in lines:
            if finding := trouble_in(line):
                return str(finding)
        if not ended:
            return f"the guest did not come to its end in {self.options.timeout_seconds:g} s"
        if report.failed:
            names = "; ".join(
                f"{result.name} ({result.note})" if result.note else result.name for result in report.failed
            )
            return f"{len(report.failed)} of {len(report.results)} tests failed: {names}"
        if report.gaps:
            return report.gaps[0]
        if complaint := next(filter(None, map(_complaint, lines)), None):
            return complaint
        return None if report.results else "no test said anything"


def _complaint(line: str) -> str | None:
    """What the first process found amiss: a program's end, memory that was lost, a module that does not fit."""
    if match := ENDED.fullmatch(line):
        fine = int(match["status"]) in {0, SKIP_STATUS}
        return None if fine else f"the program {match['program']} ended with status {match['status']}"
    return line.removeprefix("# ") if LEAKED.fullmatch(line) or UNLOADED.fullmatch(line) else None
