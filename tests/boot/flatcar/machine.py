"""Facts of the machine under test that more than one file of tests asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testinfra.host import Host

from distrobuild.boot.guest import Guest

UPDATES = "/var/lib/updates"


@dataclass(frozen=True)
class Identity:
    """What makes a machine this machine."""

    machine_id: str
    disk_guid: str
    host_key: str

    @classmethod
    def of(cls, host: Host) -> Identity:
        disk = host.check_output("lsblk --noheadings --paths --output PKNAME /dev/disk/by-label/ROOT")
        return cls(
            host.file("/etc/machine-id").content_string,
            host.check_output(f"sfdisk --disk-id {disk}"),
            host.file("/etc/ssh/ssh_host_ed25519_key.pub").content_string,
        )


@dataclass(frozen=True)
class Before:
    """What the first boot left."""

    identity: Identity
    slot: str
    """Name of the partition that /usr was read from."""


def slot(host: Host) -> str:
    """Name of the partition that /usr is read from."""
    return host.check_output("lsblk --nodeps --noheadings --output PARTLABEL /dev/disk/usr")


def offer(guest: Guest, update: Path) -> None:
    """Put an update where the machine looks for newer versions."""
    guest.host.check_output(f"mkdir -p {UPDATES} && rm -rf {UPDATES}/*")
    for file in sorted(update.glob("*")):
        guest.send(file, f"{UPDATES}/{file.name}")
