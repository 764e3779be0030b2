"""A start with what the boot loader was told of the role, and with a flash cache that was there before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host

from distrobuild.boot.guest import Guest

pytestmark = [pytest.mark.reboot, pytest.mark.media("disk")]
SLOW, FLASH = "/dev/disk/by-id/virtio-disk2", "/dev/disk/by-id/virtio-disk3"
ADD_ON = "/boot/loader/addons/mlos-role.addon.efi"
MORE = "/etc/mlos/roles/training/kernel-parameters.conf"


@pytest.fixture(scope="module")
def restarted(guest: Guest, host: Host) -> Iterator[Host]:
    """The machine was told to train, by a file and by its boot loader, got a cached disk, and was started anew.

    The file then says something else, as does a person who hands `mlos.role=` to the kernel.
    """
    host.check_output(f"mlos-node cache create --backing {SLOW} --cache {FLASH} --mode writeback")
    host.check_output("mkfs.ext4 -q /dev/bcache0 && mount /dev/bcache0 /mnt")
    host.check_output("head --bytes 32M /dev/urandom > /mnt/model && sha256sum /mnt/model > /etc/model.sum")
    host.check_output(f"mkdir -p {MORE.rpartition('/')[0]} && echo mlos.role=training > {MORE}")
    assert f"{ADD_ON}: preempt=none mlos.role=training" in host.check_output("mlos-node role set training")
    host.check_output("echo edge > /etc/mlos/role && sync")
    guest.reboot()
    yield host
    host.check_output("umount /mnt; rm /etc/model.sum; mlos-node cache destroy --backing /dev/bcache0 --wipe")
    host.check_output(f"rm -r /etc/mlos {ADD_ON} && sync")
    guest.reboot()


def test_the_kernel_got_the_parameters_of_the_role(restarted: Host) -> None:
    words = restarted.file("/proc/cmdline").content_string.split()
    assert words[-2:] == ["preempt=none", "mlos.role=training"]
    assert "Dynamic Preempt: none" in restarted.check_output("dmesg")


def test_the_role_of_the_command_line_holds_from_the_start(guest: Guest, restarted: Host) -> None:
    assert guest.state == "running"
    shown = restarted.run("mlos-node role show --check")
    assert (shown.rc, "role training (from the kernel command line)" in shown.stdout) == (0, True)
    assert restarted.check_output("cat /proc/sys/vm/swappiness") == "10"


def test_the_cached_disk_is_there_again_with_its_settings_and_data(restarted: Host) -> None:
    disk = restarted.check_output(f"basename $(readlink -f {SLOW})")
    files = [f"/sys/block/{disk}/bcache/{name}" for name in ("state", "sequential_cutoff", "dev/queue/read_ahead_kb")]
    files.append(f"/sys/block/{disk}/bcache/cache/congested_read_threshold_us")
    state, *settings = restarted.check_output(f"cat {' '.join(files)}").split()
    assert state in {"dirty", "clean"}
    assert settings == ["0.0k", "4096", "0"]
    restarted.check_output("mount /dev/bcache0 /mnt && sha256sum --check --quiet /etc/model.sum")
