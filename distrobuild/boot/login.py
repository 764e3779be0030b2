"""The way into a guest: a key made for one boot, handed in by QEMU, and one ssh connection that is kept.

The image has no test login. systemd's own `provision.conf` (systemd-tmpfiles) writes the credential
`ssh.authorized_keys.root` to /root/.ssh/authorized_keys, so what is tested is what is shipped.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from pathlib import Path

import paramiko
import testinfra
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from testinfra.host import Host

CREDENTIAL = "ssh.authorized_keys.root"
ANSWER_SECONDS = 2.0
"""How long the guest's ssh server may take to say its version; while it is not up, QEMU accepts and nothing follows."""
LOGIN_SECONDS = 60.0
"""How long a login may take once the server has answered: an emulated processor on a busy host is slow at signing."""

# Attempts at a guest that is not up yet fail, and that is no news.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Key:
    """A key pair in OpenSSH's format."""

    private: Path
    public: bytes


def make_key(folder: Path) -> Key:
    """Make an ed25519 key pair; the private key goes to `folder`, readable for its owner only."""
    secret = Ed25519PrivateKey.generate()
    private = folder / "key"
    private.touch(mode=0o600)
    private.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    public = secret.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return Key(private, public + b" distrobuild\n")


def log_in(port: int, key: Key) -> paramiko.SSHClient | None:
    """Log in as root at `port` of 127.0.0.1, if an ssh server answers there and knows the key already."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
    except OSError:
        return None
    try:
        # Only looked at: paramiko reads the greeting again from the same connection.
        if not connection.recv(4, socket.MSG_PEEK).startswith(b"SSH-"):
            connection.close()
            return None
        connection.settimeout(None)
        return _authenticate(connection, port, key)
    except (OSError, EOFError, paramiko.SSHException):
        connection.close()
        return None


def _authenticate(connection: socket.socket, port: int, key: Key) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    # The guest made its host key a moment ago and nobody stands between: the port is our own QEMU's.
    client.set_missing_host_key_policy(_Trust())
    client.connect(
        "127.0.0.1",
        port,
        "root",
        pkey=paramiko.Ed25519Key.from_private_key_file(str(key.private)),
        sock=connection,
        allow_agent=False,
        look_for_keys=False,
        banner_timeout=LOGIN_SECONDS,
        auth_timeout=LOGIN_SECONDS,
    )
    return client


def boot_id(client: paramiko.SSHClient) -> str | None:
    """What tells one boot of the guest from another (random(4)); None while the system goes down."""
    try:
        _, stdout, _ = client.exec_command("cat /proc/sys/kernel/random/boot_id", timeout=LOGIN_SECONDS)
        return stdout.read().decode().strip() or None
    except (OSError, EOFError, paramiko.SSHException):
        return None


def testinfra_host(port: int, key: Key, client: paramiko.SSHClient, folder: Path) -> Host:
    """The testinfra host of a guest, on the connection that is open already."""
    config = folder / "ssh_config"
    config.write_text("Host *\n  StrictHostKeyChecking no\n", "utf-8")
    host = testinfra.get_host(
        f"paramiko://root@127.0.0.1:{port}", ssh_config=str(config), ssh_identity_file=str(key.private)
    )
    host.backend.client = client
    return host


class _Trust(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Accept."""
