"""A virtual machine: disks and the firmware's variables, which outlive its being switched off, and QEMU while it is on.

A reboot is a new QEMU on the same disks: what they and the firmware hold stays, and nothing else, as with a machine
that is switched off and on.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from distrobuild.boot import netboot
from distrobuild.boot.accelerator import Accelerator, AcceleratorKind
from distrobuild.boot.console import Console
from distrobuild.boot.disks import make_disks
from distrobuild.boot.firmware import firmware_arguments
from distrobuild.boot.process import RESET, QemuProcess
from distrobuild.boot.qemu import GuestOptions, Medium, machine, network
from distrobuild.boot.qmp import Monitor, MonitorFailed
from distrobuild.boot.requirements import require_qemu
from distrobuild.boot.signs import Finding, Milestone
from distrobuild.sandbox.sandbox import Sandbox

LOGS = ("console.log", "qemu.log")
"""What every run of QEMU adds to."""
SAVED = "saved"
"""Folder of the work folder with what the disks held when the machine was last switched on."""
END_SECONDS = 30.0
"""How long QEMU may take to end once its control channel is closed."""


class Machine:
    """A machine that is on. A context manager: leaving it switches the machine off and removes its disks.

    `folder` gets console.log and qemu.log. `further` are arguments for QEMU beside those that `options` ask for.
    """

    def __init__(
        self,
        options: GuestOptions,
        tools_root: Path,
        folder: Path,
        accelerator: Accelerator,
        further: list[str],
        on_milestone: Callable[[Milestone, float], None],
        on_finding: Callable[[Finding], None],
    ) -> None:
        """The callbacks come from another thread; `on_milestone` with the seconds since the start."""
        self.options = options
        self.accelerator = accelerator
        self.folder = folder
        self.milestones: dict[Milestone, float] = {}
        """Seconds from the start to each milestone that the console showed since QEMU was started."""
        self.started = 0.0
        """When the machine was started, by `time.monotonic()`: switched on, or told to start again."""
        self._earlier_findings: list[Finding] = []
        self._tools_root = tools_root
        self._further = further
        self._on_milestone = on_milestone
        self._on_finding = on_finding
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        require_qemu(self._tools_root)
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="distrobuild-machine-")
            self._work = Path(stack.enter_context(folder))
            self._prepare(stack)
            self._power = stack.enter_context(contextlib.ExitStack())
            self.started = time.monotonic()
            self._switch_on()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def console(self) -> Console:
        """The serial console."""
        return self.process.console

    @property
    def monitor(self) -> Monitor:
        """QEMU's control channel."""
        return self.process.monitor

    @property
    def findings(self) -> list[Finding]:
        """Signs of trouble on the console so far."""
        return [*self._earlier_findings, *self.console.findings]

    def forget_findings_after(self, findings: list[Finding]) -> None:
        """Take these as all there were, whatever the console has shown since."""
        self.console.findings.clear()
        self._earlier_findings = findings

    @property
    def how_it_ended(self) -> str:
        """In words, once the machine is off."""
        return f"QEMU ended with status {self.process.status}: {self.process.ending}"

    @property
    def trouble(self) -> str | None:
        """Why the machine runs no more; None while it runs.

        It waits for the end of a QEMU that is about to end.
        """
        with contextlib.suppress(MonitorFailed):
            match self.monitor.status:
                case "running":
                    return None
                case "shutdown":
                    pass  # it is about to end
                case status:
                    return f"the machine stopped ({status}): {self.process.said}"
        self.process.wait(END_SECONDS)
        return self.how_it_ended

    @property
    def wants_to_start_again(self) -> bool:
        """Whether the guest reset the machine, which ended QEMU."""
        return not self.process.is_on and self.process.ending == RESET

    def start_again(self) -> None:
        """Switch the machine on after it ended."""
        self._earlier_findings = self.findings
        self._switch_on()

    def cut_power(self) -> None:
        """Switch the machine off without a word to the guest, and on again."""
        self.process.kill()
        self.process.wait(END_SECONDS)
        self.start_again()

    def try_again(self) -> None:
        """Take this start back, with what it wrote, and make another. Only where the processors are emulated."""
        self.process.kill()
        self.process.wait(END_SECONDS)
        self._copy_state(SAVED, ".")
        self._start_qemu()

    def report(self, what: str, reason: str) -> str:
        """A failure in words: what, why, how far it came, what the console said last and where the rest is."""
        milestone = self.console.milestone
        after = f", reached after {self.milestones[milestone]:.1f} s" if milestone in self.milestones else ""
        facts = [f"{what}: {reason}", f"  accelerator: {self.accelerator}", f"  last seen: {milestone}{after}"]
        facts += [f"  on the console: {finding}" for finding in self.findings]
        # By name only: the folder moves when a failed stage is kept.
        facts += [f"  {self.console.log.name} ends:", *(f"    {line}" for line in self.console.tail)]
        return "\n".join(facts)

    def _prepare(self, stack: contextlib.ExitStack) -> None:
        """The sandbox and the command line that start QEMU, and what it starts on."""
        options = self.options
        for name in LOGS:
            (self.folder / name).unlink(missing_ok=True)
        self._sandbox = Sandbox(
            root=self._tools_root,
            inputs=options.inputs,
            work=self._work,
            output=self.folder,
            epoch=0,
            network=True,  # the guest's ssh port is a port of the host's loopback
            devices=self.accelerator.devices,
        )
        if options.medium is Medium.NETWORK:
            stack.enter_context(netboot.serve(options.image, options.ignition, self._work))
        make_disks(options, self._sandbox, self._work)
        firmware = firmware_arguments(options.firmware, self._tools_root, self._work)
        self._command = [*machine(options, self.accelerator), *firmware, *self._network(), *self._further]

    def _network(self) -> list[str]:
        """No way out; but a machine that starts from the network must reach the server, which is this host."""
        if self.options.medium is Medium.NETWORK:
            return network(outside=True, boot=f"/work/{netboot.SCRIPT}")
        return network(outside=False)

    def _switch_on(self) -> None:
        self._power.close()
        if self.accelerator.kind is AcceleratorKind.TCG:
            self._copy_state(".", SAVED)
        self._start_qemu()

    def _start_qemu(self) -> None:
        self._power.close()
        self.milestones.clear()
        process = QemuProcess(self._sandbox, self._command, self.folder, self._reached, self._on_finding)
        self.process = self._power.enter_context(process)
        self.ssh_port = self.monitor.ssh_port

    def _copy_state(self, source: str, target: str) -> None:
        """Copy disks and the firmware's variables from one folder of the work folder to another."""
        (self._work / target).mkdir(exist_ok=True)
        names = sorted(path.name for path in (self._work / source).iterdir() if path.is_file())
        if names:
            copy = ["cp", "--reflink=auto", "--sparse=always", *(f"/work/{source}/{name}" for name in names)]
            self._sandbox.run([*copy, f"/work/{target}/"])

    def _reached(self, milestone: Milestone) -> None:
        self.milestones[milestone] = time.monotonic() - self.started
        self._on_milestone(milestone, self.milestones[milestone])
