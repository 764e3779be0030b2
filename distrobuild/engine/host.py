"""What the host must have, whether it has it, and the one command that brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.contract import ENTER_SUBORDINATE_IDS
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox

PROGRAMS = {
    "mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap", "apt-get": "apt", "gpgv": "gpgv",
    "xz": "xz-utils", "unzstd": "zstd", "mount": "mount",
}  # fmt: skip
"""Program on the host, and the package that brings it. Without `mount`, mmdebstrap goes on and makes another root."""
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
SPACE_NEEDED = 15 << 30
"""Bytes: a kernel tree with objects, the tools root, a root file system and an image, with room to spare."""


class HostLacksPrograms(DistrobuildError):
    """A build would stop half-way, because the host has not the programs that it needs."""

    exit_code = 2


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `what`, whether it is `fine`, and the `remedy` if it is not."""

    what: str
    fine: bool
    remedy: str = ""


def require_programs() -> None:
    """Raise `HostLacksPrograms` with the command that brings what is missing, before any work is done."""
    if missing := [finding for finding in _programs() if not finding.fine]:
        names = ", ".join(finding.what.removeprefix("program ") for finding in missing)
        raise HostLacksPrograms(f"this machine lacks {names}", hint=missing[0].remedy)


def findings() -> list[Finding]:
    """Everything that a build needs of the host."""
    found = [*_python(), *_programs()]
    if os.geteuid() != 0:
        found += _unprivileged()
    if all(finding.fine for finding in found):
        found.append(_sandbox())
    return found


def space(folder: Path) -> Finding:
    """Whether the disk of the store has room for a cold build."""
    free = shutil.disk_usage(folder).free
    what = f"{free >> 30} GiB free in {folder}"
    return Finding(what, free >= SPACE_NEEDED, f"a cold build takes {SPACE_NEEDED >> 30} GiB: `distrobuild cache gc`")


def kvm() -> Finding:
    """Whether the device for hardware virtualisation can be opened. That guests run is only known by starting one."""
    device = Path("/dev/kvm")
    usable = os.access(device, os.R_OK | os.W_OK)
    works = "/dev/kvm opens; whether guests run under it, the first boot finds out"
    return Finding(works if usable else "/dev/kvm does not open: boots are emulated, about ten times slower", True)


def _python() -> Iterator[Finding]:
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    yield Finding(version, sys.version_info >= (3, 11), "install Python 3.11 or newer")


def _programs() -> Iterator[Finding]:
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    remedy = f"apt-get install {' '.join(missing)}"
    for program, package in PROGRAMS.items():
        yield Finding(f"program {program}", package not in missing, remedy)


def _unprivileged() -> Iterator[Finding]:
    has_map = shutil.which("newuidmap") is not None
    yield Finding("program newuidmap", has_map, "apt-get install uidmap")
    if APPARMOR.exists() and APPARMOR.read_text().strip() == "1":
        yield Finding(
            "unprivileged user namespaces",
            False,
            "AppArmor forbids them here: run as root, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
        )
    elif has_map:
        ended = subprocess.run([*ENTER_SUBORDINATE_IDS, "true"], capture_output=True, text=True, check=False)
        remedy = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"
        yield Finding("user namespace with subordinate ids", ended.returncode == 0, remedy)


def _sandbox() -> Finding:
    with tempfile.TemporaryDirectory(prefix="distrobuild-") as folder:
        work, output = Path(folder, "work"), Path(folder, "out")
        work.mkdir()
        output.mkdir()
        try:
            Sandbox(None, {}, work, output, 0, log=lambda _: None).run(["true"])
        except (DistrobuildError, OSError) as error:
            tail = error.tail[-1] if isinstance(error, ProgramFailed) and error.tail else str(error)
            return Finding("bubblewrap starts a program", False, tail)
    return Finding("bubblewrap starts a program", True)
