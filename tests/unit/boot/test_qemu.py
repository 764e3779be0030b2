from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import pytest

from distrobuild.boot.accelerator import Accelerator, AcceleratorKind
from distrobuild.boot.firmware import Firmware, FirmwareMissing, firmware_arguments
from distrobuild.boot.login import CREDENTIAL, make_key
from distrobuild.boot.qemu import IGNITION, IMAGE, LAYER, GuestOptions, Medium, credential, machine, network

TCG = Accelerator(AcceleratorKind.TCG, "a test")
KVM = Accelerator(AcceleratorKind.KVM, "a test")


ACCESS = {
    Medium.CDROM: f"format=raw,readonly=on,file={IMAGE}",
    Medium.USB: f"format=raw,readonly=on,file={IMAGE}",
    Medium.DISK: f"format=qcow2,file={LAYER}",
}
"""What is written to a disk goes to a layer above the image; other media take nothing."""


def after(command: list[str], option: str) -> list[str]:
    """Every value of an option of the command line."""
    return [value for name, value in pairwise(command) if name == option]


@pytest.mark.parametrize(("medium", "access"), ACCESS.items())
def test_the_image_is_the_only_drive_the_first_to_boot_and_never_written(medium: Medium, access: str) -> None:
    command = machine(GuestOptions(Path("mlos.iso"), medium), TCG)
    (drive,) = after(command, "-drive")
    assert drive.endswith(access)
    assert [
        device
        for device in after(command, "-device")
        if "drive=medium,bootindex=0" in device.replace("removable=on,", "")
    ]


def test_every_machine_has_an_empty_port_for_what_is_plugged_in_later() -> None:
    assert "pcie-root-port,id=free,chassis=1" in after(machine(GuestOptions(Path("mlos.iso")), TCG), "-device")


def test_a_machine_is_as_large_as_asked_for() -> None:
    command = machine(GuestOptions(Path("mlos.iso"), memory_mib=1024, cpus=3), TCG)
    assert after(command, "-m") == ["1024M"]
    assert after(command, "-smp") == ["3"]


def test_the_processor_fits_the_accelerator() -> None:
    options = GuestOptions(Path("mlos.iso"))
    assert after(machine(options, KVM), "-cpu") == ["host"]
    assert after(machine(options, TCG), "-cpu") == ["max"]
    assert after(machine(options, TCG), "-accel") == ["tcg,thread=multi"]


def test_a_guest_under_test_reaches_nothing_and_is_reached_from_this_host_only() -> None:
    (device,) = after(network(outside=False), "-netdev")
    assert "restrict=on" in device
    assert "hostfwd=tcp:127.0.0.1:0-:22" in device


def test_a_credential_survives_the_command_line() -> None:
    (option,) = after(credential("name", b"a,b=c\n\xff"), "-smbios")
    prefix, _, text = option.partition("io.systemd.credential.binary:name=")
    assert prefix == "type=11,value="
    assert "," not in text  # QEMU would end the value there
    assert base64.b64decode(text) == b"a,b=c\n\xff"


def test_every_boot_has_a_key_of_its_own_that_only_its_owner_reads(tmp_path: Path) -> None:
    keys = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        keys.append(make_key(tmp_path / name))
    assert keys[0].public != keys[1].public
    assert keys[0].public.startswith(b"ssh-ed25519 ")
    assert keys[0].private.stat().st_mode & 0o777 == 0o600
    assert CREDENTIAL == "ssh.authorized_keys.root"


def test_each_guest_gets_its_own_copy_of_the_firmware_variables(tmp_path: Path) -> None:
    flash = tmp_path / "root/usr/share/OVMF"
    flash.mkdir(parents=True)
    (flash / "OVMF_CODE_4M.fd").write_bytes(b"code")
    (flash / "OVMF_VARS_4M.fd").write_bytes(b"variables")
    work = tmp_path / "work"
    work.mkdir()
    drives = after(firmware_arguments(Firmware.OVMF, tmp_path / "root", work), "-drive")
    assert (work / "OVMF_VARS_4M.fd").read_bytes() == b"variables"
    assert ["readonly=on" in drive for drive in drives] == [True, False]


def test_firmware_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FirmwareMissing, match=r"OVMF_VARS_4M\.fd") as caught:
        firmware_arguments(Firmware.OVMF, tmp_path, tmp_path)
    assert "ovmf" in (caught.value.hint or "")


def test_a_pc_bios_needs_no_files(tmp_path: Path) -> None:
    assert firmware_arguments(Firmware.SEABIOS, tmp_path, tmp_path) == []


def test_an_ignition_config_is_handed_in_by_the_firmware_configuration() -> None:
    options = GuestOptions(Path("mlos.raw"), Medium.DISK, ignition=Path("config.ign"))
    assert after(machine(options, TCG), "-fw_cfg") == [f"name=opt/com.coreos/config,file={IGNITION}"]
    assert options.inputs == {"image": Path("mlos.raw"), "ignition": Path("config.ign")}
    assert after(machine(GuestOptions(Path("mlos.raw"), Medium.DISK), TCG), "-fw_cfg") == []


def test_a_machine_that_starts_from_the_network_has_no_drive_and_one_card_with_a_boot_rom() -> None:
    options = GuestOptions(Path("mlos.ipxe"), Medium.NETWORK, ignition=Path("config.ign"))
    assert not after(machine(options, TCG), "-drive")
    assert not after(machine(options, TCG), "-fw_cfg")
    assert options.inputs == {}
    command = network(outside=True, boot="/work/boot.ipxe")
    assert after(command, "-netdev")[0].endswith(",tftp=/work,bootfile=boot.ipxe")
    assert after(command, "-device") == ["virtio-net-pci,netdev=network,bootindex=0"]
