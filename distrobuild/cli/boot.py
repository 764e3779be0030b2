"""`distrobuild boot TARGET`: start the image in QEMU, its console in this terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from distrobuild.boot.accelerator import AcceleratorChoice, choose
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.interactive import boot_for_person, free_port
from distrobuild.boot.qemu import MEDIUM_DEVICES, GuestOptions, Medium
from distrobuild.cli.image import build_image
from distrobuild.cli.session import Session, project_options


@click.command("boot")
@click.argument("target")
@click.option(
    "--firmware",
    type=click.Choice([each.value for each in Firmware]),
    help="Default: seabios for a live medium, ovmf for a disk.",
)
@click.option(
    "--medium",
    type=click.Choice([medium.value for medium in MEDIUM_DEVICES]),
    help="Default: cdrom for a live medium, disk for a disk.",
)
@click.option(
    "--accel",
    type=click.Choice([each.value for each in AcceleratorChoice]),
    default=AcceleratorChoice.AUTO.value,
    show_default=True,
)
@click.option("--memory", type=click.IntRange(256), default=2048, show_default=True, help="Memory in MiB.")
@click.option("--cpus", type=click.IntRange(1), default=2, show_default=True, help="Processors.")
@click.option(
    "--ignition",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ignition config for the first boot of a disk. Default: the target's own.",
)
@click.option(
    "--disk",
    "disks",
    type=click.IntRange(1),
    multiple=True,
    metavar="MIB",
    help="An empty disk of this size; can be repeated. Default: those of the box tests.",
)
@click.option("--ssh-key", type=click.Path(exists=True, path_type=Path), help="Public key that may log in as root.")
@click.option("--vnc", metavar="ADDRESS:DISPLAY", help="Show the screen by VNC, for example 127.0.0.1:1.")
@click.option("--dev", is_flag=True, help="Log root in on the consoles.")
@project_options
def command(
    session: Session,
    target: str,
    firmware: str | None,
    medium: str | None,
    accel: str,
    memory: int,
    cpus: int,
    ignition: Path | None,
    disks: tuple[int, ...],
    ssh_key: Path | None,
    vnc: str | None,
    dev: bool,
) -> None:
    """Build TARGET where needed and start it, the serial console in this terminal (Ctrl-A X ends it)."""
    image = build_image(session, target, dev=dev)
    accelerator = choose(AcceleratorChoice(accel), image.tools_root, session.store.cache("boot"))
    click.echo(f"{image.path.name}: {accelerator}; Ctrl-A X ends it, Ctrl-A H shows more keys", err=True)
    usual = (Medium.DISK, Firmware.OVMF) if image.path.suffix == ".raw" else (Medium.CDROM, Firmware.SEABIOS)
    guest = GuestOptions(
        image.path,
        Medium(medium or usual[0]),
        Firmware(firmware or usual[1]),
        memory,
        cpus,
        ignition or image.ignition,
        disks or image.disks_mib,
    )
    key, port = (ssh_key.read_text() if ssh_key else None), free_port()
    click.echo(f"once it is up: ssh -p {port} -o UserKnownHostsFile=/dev/null root@127.0.0.1", err=True)
    sys.exit(boot_for_person(guest, image.tools_root, accelerator, ssh_key=key, ssh_port=port, vnc=vnc))
