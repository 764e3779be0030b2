"""Facts of the machine under test that more than one file of tests asks for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import paramiko
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


@contextlib.contextmanager
def published(guest: Guest, folder: Path) -> Iterator[str]:
    """Serve a folder to the machine over the web; its address there. The way is the ssh connection (ssh(1), -R)."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Nobody asks who fetched what."""

    def answer(channel: paramiko.Channel, origin: tuple[str, int]) -> None:
        with channel:
            # A channel does what the handler asks of a socket.
            Handler(channel, origin, None, directory=str(folder))  # type: ignore[arg-type]

    def start(channel: paramiko.Channel, origin: tuple[str, int], _server: tuple[str, int]) -> None:
        threading.Thread(target=answer, args=(channel, origin), daemon=True).start()

    transport = guest.host.backend.client.get_transport()
    port = transport.request_port_forward("127.0.0.1", 0, start)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        transport.cancel_port_forward("127.0.0.1", port)


def offer(guest: Guest, update: Path) -> None:
    """Put an update where the machine looks for newer versions."""
    guest.host.check_output(f"mkdir -p {UPDATES} && rm -rf {UPDATES}/*")
    for file in sorted(update.glob("*")):
        guest.send(file, f"{UPDATES}/{file.name}")
