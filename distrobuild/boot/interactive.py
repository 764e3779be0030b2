"""A guest for a person: the serial console is the terminal, and the network is open."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from pathlib import Path

from distrobuild.boot.accelerator import Accelerator
from distrobuild.boot.disks import make_disks
from distrobuild.boot.firmware import firmware_arguments
from distrobuild.boot.login import CREDENTIAL
from distrobuild.boot.qemu import GuestOptions, credential, machine, network
from distrobuild.boot.requirements import require_qemu
from distrobuild.sandbox.sandbox import Sandbox


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
    return port


def boot_for_person(
    options: GuestOptions,
    tools_root: Path,
    accelerator: Accelerator,
    *,
    ssh_key: str | None = None,
    ssh_port: int = 0,
    vnc: str | None = None,
) -> int:
    """Run the image until it is shut down; return QEMU's exit status. Ctrl-A X ends QEMU, Ctrl-A H shows more keys.

    `ssh_key` is a public key that may log in as root, at `ssh_port` of 127.0.0.1 (see `free_port`); `vnc`
    (`127.0.0.1:1`) shows the screen to a VNC viewer.
    """
    require_qemu(tools_root)
    with tempfile.TemporaryDirectory(prefix="distrobuild-boot-") as folder:
        work, output = Path(folder, "work"), Path(folder, "out")
        work.mkdir()
        output.mkdir()
        sandbox = Sandbox(
            root=tools_root,
            inputs=options.inputs,
            work=work,
            output=output,
            epoch=0,
            network=True,
            devices=accelerator.devices,
        )
        make_disks(options, sandbox, work)
        command = [
            *machine(options, accelerator),
            *firmware_arguments(options.firmware, tools_root, work),
            *("-serial", "mon:stdio", "-display", f"vnc={vnc}" if vnc else "none"),
            *network(outside=True, ssh_port=ssh_port),
        ]
        if ssh_key is not None:
            command += credential(CREDENTIAL, ssh_key.encode())
        return subprocess.run(sandbox.command_line(command, environment={"TERM": "xterm"}), check=False).returncode
