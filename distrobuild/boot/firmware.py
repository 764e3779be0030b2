"""The firmware a guest starts with: SeaBIOS comes with QEMU, OVMF is a pair of flash images of the tools root."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path

from distrobuild.errors import DistrobuildError

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
"""Debian's `ovmf`: 4 MiB flash without Secure Boot."""


class Firmware(StrEnum):
    """How a machine starts: `seabios` is a PC BIOS, `ovmf` is UEFI."""

    SEABIOS = "seabios"
    OVMF = "ovmf"


class FirmwareMissing(DistrobuildError):
    """The tools root lacks the firmware's files."""


def firmware_arguments(firmware: Firmware, tools_root: Path, work: Path) -> list[str]:
    """QEMU's arguments for `firmware`; its writable variables are copied into `work`, which the guest owns.

    `work` is what the sandbox shows as `/work`.
    """
    if firmware is Firmware.SEABIOS:
        return []
    variables = tools_root / OVMF_VARIABLES.lstrip("/")
    for path in (variables, tools_root / OVMF_CODE.lstrip("/")):
        if not path.is_file():
            hint = "its package is `ovmf`; the manifest's tools root supplies it"
            raise FirmwareMissing(f"the tools root {tools_root} has no {path.name}", hint=hint)
    copy = work / variables.name
    shutil.copyfile(variables, copy)
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file=/work/{copy.name}"),
    ]
