from __future__ import annotations

import pytest

from distrobuild.boot.signs import FATAL, Milestone, Trouble, milestone_in, plain, trouble_in


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        (
            "[    2.345678] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            Trouble.PANIC,
        ),
        ("[   10.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000", Trouble.OOPS),
        ("[   10.000001] kernel BUG at mm/slub.c:4012!", Trouble.OOPS),
        ("[   10.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI", Trouble.OOPS),
        ("[   10.000003] Oops: general protection fault, probably for non-canonical address: 0000 [#1]", Trouble.OOPS),
        ("[   11.000000] WARNING: CPU: 1 PID: 12 at kernel/sched/core.c:3309 set_task_cpu+0x1/0x2", Trouble.WARNING),
        ("[   11.000000] WARNING: possible circular locking dependency detected", Trouble.WARNING),
        ("[   11.000000] WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", Trouble.WARNING),
        ("[   11.000000] WARNING: bad unlock balance detected!", Trouble.WARNING),
        ("[   11.000000] WARNING: lock held when returning to user space!", Trouble.WARNING),
        ("[   11.000000] WARNING: held lock freed!", Trouble.WARNING),
        ("[   11.000000] WARNING: init/1 still has locks held!", Trouble.WARNING),
        ("[   11.000000] [ BUG: Invalid wait context ]", Trouble.OOPS),
        ("[   11.000000] BUG: KASAN: slab-out-of-bounds in ml_prctl+0x1/0x2", Trouble.OOPS),
        ("[   11.000000] BUG: KFENCE: use-after-free read in ml_prctl+0x1/0x2", Trouble.OOPS),
        ("[   11.000000] BUG kmalloc-32 (Not tainted): Right Redzone overwritten", Trouble.OOPS),
        ("[   11.000000] UBSAN: array-index-out-of-bounds in kernel/sched/ml.c:12:3", Trouble.OOPS),
        ('You are in emergency mode. After logging in, type "journalctl -xb" to view', Trouble.EMERGENCY),
        ("(initramfs)", Trouble.NO_ROOT),
        ("  Unable to find a medium containing a live file system", Trouble.NO_ROOT),
        ("BdsDxe: No bootable option or device was found.", Trouble.NO_MEDIUM),
        ("grub rescue>", Trouble.NO_MEDIUM),
        ("[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.", Trouble.FAILED_UNIT),
    ],
)
def test_each_kind_of_trouble_is_recognised(line: str, trouble: Trouble) -> None:
    finding = trouble_in(line)
    assert finding is not None
    assert finding.trouble is trouble


@pytest.mark.parametrize(
    "line",
    [
        "[    0.000000] Linux version 6.12.117-mlos-vm (mlos@distrobuild)",
        "[  OK  ] Reached target graphical.target - Graphical Interface.",
        "[    0.300000] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "[   50.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]",
        "[   50.000000] BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 31s!",
        "[    1.000000] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
        "Booting in emergency mode is described in the manual.",
        "[    1.2] systemd[1]: Expecting device dev-ttyS0.device",
        "mlos login: ",
    ],
)
def test_a_healthy_boot_shows_no_trouble(line: str) -> None:
    assert trouble_in(line) is None


def test_a_failed_unit_does_not_end_the_boot_but_a_panic_does() -> None:
    assert Trouble.PANIC in FATAL
    assert Trouble.FAILED_UNIT not in FATAL


@pytest.mark.parametrize(
    ("line", "milestone"),
    [
        ('BdsDxe: starting Boot0001 "UEFI QEMU CD-ROM" from PciRoot(0x0)', Milestone.FIRMWARE),
        ("                        GNU GRUB  version 2.12-9+deb13u2", Milestone.BOOT_LOADER),
        ("a rest of the menu[    0.000000] Linux version 6.12.117-mlos-vm", Milestone.KERNEL),
        ("[    2.580159] Run /init as init process", Milestone.INITRAMFS),
        ("Begin: Mounting root file system ...", Milestone.INITRAMFS),
        ("[   12.619581] systemd[1]: Detected virtualization qemu.", Milestone.SYSTEMD),
        ("Welcome to MLOS Linux 1.0.0!", Milestone.SYSTEMD),
        ("mlos login:", Milestone.LOGIN),
    ],
)
def test_each_step_of_a_boot_is_recognised(line: str, milestone: Milestone) -> None:
    assert milestone_in(line) is milestone


def test_what_a_program_says_about_a_login_is_no_login_prompt() -> None:
    assert milestone_in("[   20.1] systemd-logind[123]: Watching system buttons") is None
    assert milestone_in("Last login: Sat Nov 21") is None


def test_a_line_is_read_as_a_terminal_shows_it() -> None:
    raw = "\x1b[2J\x1b[01;01H[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mssh.service\x1b[0m.\r\n"
    assert plain(raw) == "[FAILED] Failed to start ssh.service."
    assert plain("  1 %\r 50 %\r100 %\r\n") == "100 %"
    assert plain("\x1b]0;title\x07prompt \r\n") == "prompt"
