"""What the lines of a serial console mean: how far a boot has come, and what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?=]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>cM78])")
"""Control sequences of terminals: CSI, OSC, character sets, single letters (ECMA-48, xterm)."""


class Milestone(IntEnum):
    """How far a boot has come, by what the console says."""

    STARTED = 0
    FIRMWARE = 1
    BOOT_LOADER = 2
    KERNEL = 3
    INITRAMFS = 4
    SYSTEMD = 5
    LOGIN = 6

    def __str__(self) -> str:
        return MILESTONES[self]


MILESTONES = {
    Milestone.STARTED: "QEMU, the console was silent",
    Milestone.FIRMWARE: "the firmware",
    Milestone.BOOT_LOADER: "the boot loader",
    Milestone.KERNEL: "the kernel",
    Milestone.INITRAMFS: "the initramfs",
    Milestone.SYSTEMD: "systemd",
    Milestone.LOGIN: "the login prompt",
}

SIGNS_OF_PROGRESS = (
    (Milestone.LOGIN, r"^(?!Last )\S+ login:( |$)"),
    (Milestone.SYSTEMD, r"systemd\[1\]: (Detected|Hostname|Queued)|^Welcome to |^\[  OK  \] "),
    (Milestone.INITRAMFS, r"Run /init as init process|^Loading, please wait|^Begin: |running in initrd"),
    # The boot loader leaves the cursor anywhere: the kernel's first line need not begin a line.
    (Milestone.KERNEL, r"\[ +\d+\.\d+\] Linux version "),
    (Milestone.BOOT_LOADER, r"GNU GRUB"),
    (Milestone.FIRMWARE, r"^BdsDxe: (loading|starting)"),
)


class Trouble(StrEnum):
    """Kinds of trouble that a console shows."""

    PANIC = "kernel panic"
    OOPS = "kernel oops"
    WARNING = "kernel warning"
    EMERGENCY = "emergency mode"
    NO_ROOT = "no root file system"
    NO_MEDIUM = "nothing to boot"
    FAILED_UNIT = "failed unit"
    LOST_TIMER = "lost timer"


FATAL = frozenset({Trouble.PANIC, Trouble.EMERGENCY, Trouble.NO_ROOT, Trouble.NO_MEDIUM})
"""Trouble after which a boot never comes to its end."""

SIGNS_OF_TROUBLE = (
    (Trouble.PANIC, r"\] Kernel panic - not syncing"),
    # Lockups are left out: a busy host that emulates processors causes them in a sound guest.
    (Trouble.OOPS, r"\] BUG: (?!soft lockup|workqueue lockup)"),
    (Trouble.OOPS, r"\] (kernel BUG at|Oops: |general protection fault|invalid opcode: )"),
    # Lock debugging, SLUB's checks, and UBSAN write it in ways of their own; KASAN and KFENCE begin as others do.
    (Trouble.OOPS, r"\] (\[ BUG: |BUG [\w-]+ \(|UBSAN: )"),
    (Trouble.WARNING, r"\] WARNING: (CPU: \d+ PID: \d+ at |possible |inconsistent |suspicious )"),
    (Trouble.WARNING, r"\] WARNING: (bad |held lock freed|lock held |Nested lock |\S+ still has locks held)"),
    (Trouble.WARNING, r"\] WARNING: \S+-safe -> \S+-unsafe lock order detected"),
    (Trouble.EMERGENCY, r"^You are in (emergency|rescue) mode|Reached target .*(emergency|rescue)\.target"),
    (Trouble.NO_ROOT, r"^\(initramfs\)|Unable to find a medium|Gave up waiting for root|ALERT! +\S+ does not exist"),
    (Trouble.NO_MEDIUM, r"^No bootable (device|medium)|BdsDxe: No bootable option|^grub( rescue)?> ?$"),
    (Trouble.NO_MEDIUM, r"^error: .*you need to load the kernel first"),
    (Trouble.FAILED_UNIT, r"^\[FAILED\] Failed to "),
    (Trouble.LOST_TIMER, r"kthread timer wakeup didn't happen for \d+ jiffies"),
)
"""Read top down, the first match counts."""


@dataclass(frozen=True)
class Finding:
    """One sign of trouble, and the line that shows it."""

    trouble: Trouble
    line: str

    def __str__(self) -> str:
        return f"{self.trouble}: {self.line}"


def plain(line: str) -> str:
    """`line` as a person reads it: without control sequences, and of overwritten text only what remained."""
    return ESCAPE.sub("", line).rstrip("\r\n").rsplit("\r", 1)[-1].rstrip()


def trouble_in(line: str) -> Finding | None:
    """The trouble that a plain line shows, if any."""
    for trouble, sign in SIGNS_OF_TROUBLE:
        if re.search(sign, line):
            return Finding(trouble, line.strip())
    return None


def milestone_in(line: str) -> Milestone | None:
    """The milestone that a plain line shows, if any."""
    for milestone, sign in SIGNS_OF_PROGRESS:
        if re.search(sign, line):
            return milestone
    return None
