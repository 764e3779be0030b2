"""What of the tools root a boot needs."""

from __future__ import annotations

from pathlib import Path

from distrobuild.errors import DistrobuildError

QEMU = "qemu-system-x86_64"


class QemuMissing(DistrobuildError):
    """The tools root has no QEMU."""


def require_qemu(tools_root: Path) -> Path:
    """QEMU's program in the tools root, as the host sees it; raise `QemuMissing` if there is none."""
    program = tools_root / "usr/bin" / QEMU
    if not program.exists():
        raise QemuMissing(
            f"the tools root {tools_root} has no {QEMU}",
            hint="its package is `qemu-system-x86`; the manifest's tools root supplies it",
        )
    return program
