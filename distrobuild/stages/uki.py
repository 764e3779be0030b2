"""Unite kernel, initial RAM file system and command line to one program that UEFI starts (a unified kernel image).

Beside it an add-on, a program without a kernel whose command line systemd-stub appends: it says that this is the first
boot, and the machine takes it away after that (systemd-stub(7), UAPI group's specification of unified kernel images).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.stages.stage import Job, Options, Stage

STUBS = "/usr/lib/systemd/boot/efi"
FIRST_BOOT = ("ignition.firstboot=1",)


class UkiOptions(Options):
    """What the kernel is told."""

    command_line: tuple[str, ...]
    """The kernel's parameters; `{roothash}` stands for the root hash of /usr."""


class UkiStage(Stage[UkiOptions]):
    """Kernel, initial RAM file system, os-release and root hash -> a unified kernel image and its add-on."""

    kind: ClassVar[str] = "uki"
    inputs: ClassVar[Mapping[str, str]] = {
        "install": "what the install stage made: vmlinuz and initrd.img",
        "kernel": "what the kernel stage made: its release",
        "usr": "what the usr stage made: os-release",
        "verity": "what the verity stage made: the root hash",
    }
    outputs: Mapping[str, str] = {
        "image.efi": "the unified kernel image",
        "first-boot.addon.efi": "the add-on",
        "systemd-bootx64.efi": "the boot loader",
    }

    def run(self, job: Job) -> None:
        """Build. Raises `ProgramFailed`."""
        root_hash = (job.inputs["verity"] / "roothash").read_text("ascii").strip()
        words = " ".join(self.options.command_line).format(roothash=root_hash)
        release = (job.inputs["kernel"] / "release").read_text("utf-8").strip()
        files = ["--linux=/inputs/install/vmlinuz", "--initrd=/inputs/install/initrd.img"]
        facts = [f"--uname={release}", "--os-release=@/inputs/usr/os-release"]
        stub = f"--stub={STUBS}/linuxx64.efi.stub"
        _ukify(job, *files, *facts, stub, f"--cmdline={words}", "--output=/out/image.efi")
        addon = f"--stub={STUBS}/addonx64.efi.stub"
        _ukify(job, addon, f"--cmdline={' '.join(FIRST_BOOT)}", "--output=/out/first-boot.addon.efi")
        job.sandbox.run(["cp", f"{STUBS}/systemd-bootx64.efi", "/out/"])


def _ukify(job: Job, *arguments: str) -> None:
    job.sandbox.run(["ukify", "build", *arguments])
