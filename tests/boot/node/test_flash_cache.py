"""Flash before a slow disk: refused where data would be lost, sound while it works, gone without a trace afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from testinfra.host import Host

from distrobuild.boot.guest import Guest

pytestmark = pytest.mark.main_image
MOUNT = "/mnt"
CHECK = f"cd {MOUNT} && sha256sum --check --quiet sums"


@dataclass(frozen=True)
class Disks:
    """The two disks, by their paths: what is slow, and what shall be before it."""

    slow: str
    flash: str

    def __str__(self) -> str:
        """What names them to `mlos-node cache`."""
        return f"--backing {self.slow} --cache {self.flash}"


@pytest.fixture(scope="module")
def disks(guest: Guest) -> Disks:
    """The last two of the empty disks; those before them are Ignition's, where it sets the machine up."""
    slow, flash = range(len(guest.options.disks_mib))[-2:]
    return Disks(f"/dev/disk/by-id/virtio-disk{slow}", f"/dev/disk/by-id/virtio-disk{flash}")


@pytest.fixture
def afterwards_empty(host: Host, disks: Disks) -> Iterator[None]:
    """Whatever a test does to the two disks, others find them empty."""
    yield
    host.run(f"umount {MOUNT}; mlos-node cache destroy --backing {disks.slow} --wipe")
    host.run(f"wipefs --all {disks.slow} {disks.flash}")


def content(host: Host, disks: Disks) -> str:
    """What the two disks hold, as wipefs names it."""
    host.check_output("udevadm settle")
    return host.check_output(f"wipefs --noheadings --output TYPE {disks.slow} {disks.flash}")


def cached(host: Host) -> str:
    """Names of cached disks."""
    return host.check_output("ls /sys/block | grep bcache || true")


def cache_file(host: Host, disks: Disks, name: str) -> str:
    """What the kernel says of the cached disk."""
    disk = host.check_output(f"basename $(readlink -f {disks.slow})")
    return host.check_output(f"cat /sys/block/{disk}/bcache/{name}")


def fill(host: Host) -> None:
    """A file system on the cached disk with 48 MiB of data that nobody can guess, and their digests."""
    host.check_output(f"mkfs.ext4 -q /dev/bcache0 && mount /dev/bcache0 {MOUNT}")
    host.check_output(f"cd {MOUNT} && for i in 1 2 3; do head --bytes 16M /dev/urandom > model$i; done")
    host.check_output(f"cd {MOUNT} && sha256sum model* > sums && sync && echo 3 > /proc/sys/vm/drop_caches")


def refusal(host: Host, command: str) -> str:
    """What is said by a command that must be refused."""
    refused = host.run(f"mlos-node cache {command}")
    assert refused.rc == 1
    return refused.stderr


def test_a_dry_run_tells_every_step_and_takes_none(host: Host, disks: Disks) -> None:
    told = host.check_output(f"mlos-node cache create {disks} --mode writeback --dry-run")
    steps = [line.split()[0] for line in told.splitlines()]
    assert steps[0] == "make-bcache"
    assert set(steps[1:]) == {"echo"}
    assert "echo writeback > " in told
    assert "bcache/sequential_cutoff" in told
    assert (content(host, disks), cached(host)) == ("", "")


def test_devices_in_use_are_refused_whatever_is_said(host: Host, disks: Disks, afterwards_empty: None) -> None:
    host.check_output(f"mkfs.ext4 -q {disks.slow} && mount {disks.slow} {MOUNT}")
    host.check_output(f"mkswap --quiet {disks.flash} && swapon {disks.flash}")
    said = refusal(host, f"create {disks} --wipe")
    host.check_output(f"swapoff {disks.flash}")
    assert "is mounted on /mnt" in said
    assert "is swap" in said
    assert "nothing was changed" in said
    host.check_output(f"umount {MOUNT}")
    assert content(host, disks).split() == ["ext4", "swap"]


def test_data_is_lost_only_by_saying_so(host: Host, disks: Disks, afterwards_empty: None) -> None:
    host.check_output(f"mkfs.ext4 -q {disks.slow} && mkswap --quiet {disks.flash}")
    said = refusal(host, f"create {disks}")
    assert "holds ext4: what stands there is lost if you say --wipe" in said
    assert "holds swap" in said
    assert cached(host) == ""
    host.check_output(f"mlos-node cache create {disks} --wipe")
    assert cached(host) == "bcache0"


def test_a_device_is_no_cache_of_itself_and_must_be_large_enough(host: Host, disks: Disks) -> None:
    assert "on itself" in refusal(host, f"create --backing {disks.slow} --cache {disks.slow}")
    small = host.check_output("truncate --size 8M /var/tmp/small && losetup --find --show /var/tmp/small")
    disk, flash = (
        refusal(host, f"create {each}")
        for each in (f"--backing {small} --cache {disks.flash}", f"--backing {disks.slow} --cache {small}")
    )
    host.check_output(f"losetup --detach {small} && rm /var/tmp/small")
    assert "the disk that is cached needs 33554432" in disk
    assert "the cache needs 67108864" in flash


def test_a_failure_in_the_middle_gives_both_disks_back(host: Host, disks: Disks) -> None:
    host.check_output("mkdir /root/broken")
    host.check_output("printf '#!/bin/sh\\n/usr/sbin/make-bcache \"$@\"\\nexit 1\\n' > /root/broken/make-bcache")
    host.check_output("chmod +x /root/broken/make-bcache")
    failed = host.run(f"PATH=/root/broken:$PATH mlos-node cache create {disks}")
    host.check_output("rm -r /root/broken")
    assert failed.rc == 1
    assert "giving back what was taken" in failed.stderr
    assert (content(host, disks), cached(host)) == ("", "")


def test_what_is_written_through_a_cache_is_read_again(host: Host, disks: Disks, afterwards_empty: None) -> None:
    host.check_output(f"mlos-node cache create {disks}")
    fill(host)
    host.check_output(CHECK)
    assert "[writethrough]" in cache_file(host, disks, "cache_mode")
    assert cache_file(host, disks, "state") == "clean"
    status = host.check_output("mlos-node cache status").splitlines()
    assert len(status) == 2
    assert status[1].split()[0] == "bcache0"
    assert "writethrough" in status[1].split()


def test_large_files_do_not_pass_by_the_cache(host: Host, disks: Disks, afterwards_empty: None) -> None:
    host.check_output(f"mlos-node cache create {disks}")
    assert cache_file(host, disks, "sequential_cutoff") == "0.0k"
    assert cache_file(host, disks, "cache/congested_read_threshold_us") == "0"
    assert cache_file(host, disks, "dev/queue/read_ahead_kb") == "4096"
    assert host.run("mlos-node role show --check").rc == 0


def test_what_is_only_in_the_cache_reaches_the_disk_before_it_goes(
    host: Host, disks: Disks, afterwards_empty: None
) -> None:
    host.check_output(f"mlos-node cache create {disks} --mode writeback")
    fill(host)
    assert cache_file(host, disks, "state") == "dirty"
    host.check_output(f"mlos-node cache detach --backing {disks.slow}")
    assert cache_file(host, disks, "state") == "no cache"
    host.check_output("echo 3 > /proc/sys/vm/drop_caches")
    host.check_output(CHECK)
    host.check_output(f"mlos-node cache attach {disks}")
    assert cache_file(host, disks, "state") != "no cache"
    host.check_output(CHECK)


def test_a_cache_is_taken_apart_and_both_disks_are_empty(host: Host, disks: Disks, afterwards_empty: None) -> None:
    host.check_output(f"mlos-node cache create {disks}")
    fill(host)
    assert "is mounted on /mnt" in refusal(host, f"destroy --backing {disks.slow} --wipe")
    host.check_output(f"umount {MOUNT}")
    assert "holds ext4" in refusal(host, f"destroy --backing {disks.slow}")
    before = cached(host)
    host.check_output(f"mlos-node cache destroy --backing {disks.slow} --wipe --dry-run")
    assert cached(host) == before == "bcache0"
    host.check_output("mlos-node cache destroy --backing /dev/bcache0 --wipe")
    assert (content(host, disks), cached(host)) == ("", "")
    assert host.check_output("ls -d /sys/fs/bcache/*-* 2>/dev/null || true") == ""
