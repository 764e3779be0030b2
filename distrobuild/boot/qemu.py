"""QEMU's command line: one frozen description of a machine in, one list of arguments out."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from distrobuild.boot.accelerator import PROCESSORS, Accelerator
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.requirements import QEMU
from distrobuild.errors import DistrobuildError

IMAGE = "/inputs/image"
"""Where the sandbox shows the image."""
LAYER = "/work/medium.qcow2"
"""What a machine writes to its image; see `distrobuild.boot.disks`."""
IGNITION = "/inputs/ignition"
"""Where the sandbox shows the Ignition config."""
IGNITION_KEY = "opt/com.coreos/config"
"""Of QEMU's firmware configuration; upstream's Ignition and Flatcar's both read it."""
SSH_PORT = 22
FREE_PORT = "free"
"""A port of PCI Express that is empty at the start: devices are plugged into it, and pulled out."""


class QemuDied(DistrobuildError):
    """QEMU ended before it was told to; the message carries what it wrote."""


class Medium(StrEnum):
    """What the image is put into: a CD drive, a USB stick or a disk; or the machine starts from the network."""

    CDROM = "cdrom"
    USB = "usb"
    DISK = "disk"
    NETWORK = "network"


MEDIUM_DEVICES = {
    Medium.CDROM: ("virtio-scsi-pci", "scsi-cd,drive=medium,bootindex=0"),
    Medium.USB: ("qemu-xhci", "usb-storage,drive=medium,removable=on,bootindex=0"),
    Medium.DISK: ("virtio-blk-pci,drive=medium,bootindex=0",),
}


@dataclass(frozen=True)
class GuestOptions:
    """A machine to boot: which image as which medium, by which firmware, how much memory (MiB), how many processors.

    `ignition` is the config that sets the machine up at its first boot; `disks_mib` are the sizes of empty disks beside
    the image, with the serial numbers `disk0`, `disk1`, ... The image for the network is an iPXE script.
    """

    image: Path
    medium: Medium = Medium.CDROM
    firmware: Firmware = Firmware.SEABIOS
    memory_mib: int = 2048
    cpus: int = 2
    ignition: Path | None = None
    disks_mib: tuple[int, ...] = ()

    @property
    def inputs(self) -> dict[str, Path]:
        """What the sandbox must show; a machine that starts from the network is served by this process."""
        if self.medium is Medium.NETWORK:
            return {}
        return {"image": self.image} if self.ignition is None else {"image": self.image, "ignition": self.ignition}


def machine(options: GuestOptions, accelerator: Accelerator) -> list[str]:
    """The machine without its console: processors, memory, medium, entropy, an empty port; not even SATA ports."""
    arguments = [QEMU, "-no-user-config", "-nodefaults", "-machine", "q35,sata=off"]
    arguments += ["-accel", accelerator.argument, "-cpu", PROCESSORS[accelerator.kind]]
    arguments += ["-smp", str(options.cpus), "-m", f"{options.memory_mib}M"]
    if options.medium is not Medium.NETWORK:
        arguments += _drive(options)
    for disk in disks(options):
        arguments += ["-drive", f"if=none,id={disk},format=raw,file=/work/{disk}"]
        arguments += ["-device", f"virtio-blk-pci,drive={disk},serial={disk}"]
    arguments += ["-boot", "strict=on", "-device", "virtio-rng-pci", "-device", "VGA", "-rtc", "base=utc"]
    arguments += ["-device", f"pcie-root-port,id={FREE_PORT},chassis=1"]
    return arguments


def disks(options: GuestOptions) -> dict[str, int]:
    """Name of each empty disk, and of its file in the work folder; its size in MiB."""
    return {f"disk{number}": size for number, size in enumerate(options.disks_mib)}


def _drive(options: GuestOptions) -> list[str]:
    """The image as a drive, and the config that comes with it."""
    media = "cdrom" if options.medium is Medium.CDROM else "disk"
    # The stick of a stranger is never written to: a live medium must do without.
    file = f"format=qcow2,file={LAYER}" if options.medium is Medium.DISK else f"format=raw,readonly=on,file={IMAGE}"
    arguments = ["-drive", f"if=none,id=medium,media={media},{file}"]
    for device in MEDIUM_DEVICES[options.medium]:
        arguments += ["-device", device]
    if options.ignition is not None:
        arguments += ["-fw_cfg", f"name={IGNITION_KEY},file={IGNITION}"]
    return arguments


def network(*, outside: bool, ssh_port: int = 0, boot: str | None = None) -> list[str]:
    """User networking: a DHCP server and, if `outside`, the host's network; `ssh_port` of 127.0.0.1 leads to ssh.

    With 0 QEMU picks a free one, so that two guests never fight over it; QMP tells which it is. `boot` is a file that
    machines start from by TFTP, as the sandbox shows it.
    """
    restrict = "off" if outside else "on"
    options = f"user,id=network,restrict={restrict},hostfwd=tcp:127.0.0.1:{ssh_port}-:{SSH_PORT}"
    if boot is None:
        # Without its boot ROM: there is nothing to boot from the network.
        return ["-netdev", options, "-device", "virtio-net-pci,netdev=network,romfile="]
    folder, _, name = boot.rpartition("/")
    options += f",tftp={folder},bootfile={name}"
    return ["-netdev", options, "-device", "virtio-net-pci,netdev=network,bootindex=0"]


def credential(name: str, value: bytes) -> list[str]:
    """Hand the guest's systemd (254 or newer) a credential through SMBIOS.

    Source: systemd.system-credentials(7), and systemd(1) on `io.systemd.credential.binary:` in type 11 strings.
    """
    return ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={base64.b64encode(value).decode()}"]
