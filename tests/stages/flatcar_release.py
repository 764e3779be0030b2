"""A release of Flatcar in small, that starts: its partitions, file systems and way of starting, of Debian's programs.

No release can be fetched where this is developed. What is said here of the way it starts (GRUB's menu and the file that
it reads from OEM, a first initial RAM file system in the kernel, a second one in /usr) are the facts of
`docs/flatcar.md`; the scripts are as short as they can be.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from distrobuild.formats import sparse
from distrobuild.formats.disk_layout import FLATCAR_USR_HASH_OFFSET, MEBIBYTE, SECTOR
from distrobuild.stages.stage import Job
from tests.stages.official_image import OLD, layout, write_image

RELEASE = "6.6.95-flatcar"
"""Of the kernel that is replaced."""
PROGRAMS = (
    *("bash", "cat", "echo", "findfs", "ls", "mkdir", "mount", "modprobe", "readlink", "sleep", "switch_root", "uname"),
    "veritysetup",
)
FIRST = """\
#!/usr/bin/bash
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
exec > /dev/ttyS0 2>&1
for word in $(cat /proc/cmdline); do
  case $word in
    verity.usr=*) usr=${word#*=};; verity.usrhash=*) hash=${word#*=};;
    mount.usr=*) mapped=${word#*=};; mount.usrfstype=*) type=${word#*=};; mount.usrflags=*) flags=${word#*=};;
  esac
done
modprobe loop && echo "first: loop is there"
until device=$(findfs "$usr"); do sleep 1; done
veritysetup --panic-on-corruption --hash-offset=OFFSET open "$device" usr "$device" "$hash"
mkdir -p /sysusr/usr /engine /realinit
mount -t "${type:-btrfs}" -o "${flags:-ro}" "$mapped" /sysusr/usr
mount -t squashfs -o loop,ro /sysusr/usr/lib/flatcar/bootengine.img /engine
mount -t tmpfs tmpfs /realinit; mkdir /realinit/upper /realinit/work /realinit/root
mount -t overlay -o lowerdir=/engine,upperdir=/realinit/upper,workdir=/realinit/work overlay /realinit/root
mkdir -p /realinit/root/sysusr/usr; mount --move /sysusr/usr /realinit/root/sysusr/usr
exec switch_root /realinit/root /init
"""
SECOND = """\
#!/usr/bin/bash
mount -t proc proc /proc; mount -t devtmpfs devtmpfs /dev
exec > /dev/ttyS0 2>&1
usr=/sysusr/usr
echo "second: kernel $(uname -r)"
echo "second: $(cat /proc/cmdline)"
echo "second: modules $(ls /usr/lib/modules), of usr $(ls $usr/lib/modules)"
echo "second: updates $(readlink $usr/lib/systemd/system/update-engine.service)"
echo "second: system $(cat $usr/share/flatcar/release)"
modprobe loop && echo "second: loop is there"
veritysetup status usr
echo "second: done"
sleep 1000
"""
GRUB_CONFIG = """\
search --no-floppy --set=root --label EFI-SYSTEM
set default=flatcar
set timeout=1
search --no-floppy --set=oem --label OEM
if [ -f ($oem)/grub.cfg ]; then source ($oem)/grub.cfg; fi
if [ -f ($root)/flatcar/first_boot ]; then set first_boot="flatcar.first_boot=detected"; fi
set linux_cmdline="rootflags=rw mount.usrflags=ro root=LABEL=ROOT console=ttyS0,115200n8 $first_boot $linux_append"
menuentry "Flatcar" --id=flatcar {
  linux /flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTLABEL=USR-A $linux_cmdline
}
"""
KERNEL_OPTIONS = """\
CONFIG_64BIT=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_INITRAMFS_SOURCE="/work/first.cpio"
CONFIG_INITRAMFS_COMPRESSION_XZ=y
CONFIG_RD_XZ=y
"""
LARGE = "share/flatcar/large"
"""A file of so many parts that btrfs asks whether to go on."""


def write_release(job: Job, kernel: Path) -> Path:
    """Write `release.bin` into the job's output: an image whose kernel is the file `kernel`."""
    usr = usr_tree(job)
    image, table = job.output / "release.bin", write_image(job.output / "release.bin", layout(OLD))
    single = ["--mixed", "--metadata", "single", "--data", "single", "--compress", "zstd"]
    content = ["--rootdir", f"/work/{usr}", "--byte-count", str(FLATCAR_USR_HASH_OFFSET)]
    (job.work / "usr.img").touch()
    job.sandbox.run(["mkfs.btrfs", "--quiet", *single, *content, "/work/usr.img"])
    parts = {"USR-A": job.work / "usr.img", "EFI-SYSTEM": _esp(job, kernel)}
    with image.open("r+b") as disk:
        for name, content in parts.items():
            with content.open("rb") as source:
                sparse.copy_into(source, disk, table.partition(name).first * SECTOR)
    return image


def usr_tree(job: Job) -> str:
    """Content of /usr below `work`; the folder's name."""
    usr = job.work / "usr"
    files = {
        f"lib/modules/{RELEASE}/kernel/loop.ko": "not ours",
        "lib/systemd/system/update-engine.service": "[Service]\n",
        "lib/systemd/system/sshd.service": "[Service]\n",
        "share/flatcar/release": "FLATCAR_RELEASE_VERSION=4593.2.5\n",
        LARGE: "all the same, and not a hole\n" * (160 * MEBIBYTE // 29),
    }
    write_files(usr, files)
    (usr / "bin").mkdir()
    (usr / "bin/secret").write_text("for a group\n")
    (usr / "bin/secret").chmod(0o2750)
    (usr / "bin/link").symlink_to("secret")
    (usr / "lib/flatcar").mkdir()
    job.sandbox.run(["chgrp", "42", "/work/usr/bin/secret"])
    job.sandbox.run(["chmod", "2750", "/work/usr/bin/secret"])
    engine = system(job, "engine", SECOND)
    write_files(job.work / engine, {f"usr/lib/modules/{RELEASE}/kernel/loop.ko": "not ours"})
    options = ["-all-root", "-no-progress", "-quiet"]
    job.sandbox.run(["mksquashfs", f"/work/{engine}", "/work/usr/lib/flatcar/bootengine.img", *options])
    return "usr"


def system(job: Job, name: str, init: str) -> str:
    """A root file system below `work` with a few programs, and `init` as /init; the folder's name."""
    root = job.work / name
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    for folder in ("proc", "sys", "dev", "run", "sysusr"):
        (root / folder).mkdir()
    copy = (
        'for program; do path=$(command -v "$program"); echo "$path"; '
        "ldd \"$path\" | grep -o '/[^ ]*'; done | sort -u | xargs cp --dereference --parents --target-directory="
    )
    job.sandbox.run(["bash", "-c", f"{copy}/work/{name}", "bash", *(each for each in PROGRAMS if each != "echo")])
    write_files(root, {"init": init.replace("OFFSET", str(FLATCAR_USR_HASH_OFFSET))})
    (root / "init").chmod(0o755)
    return name


def build_kernel(job: Job) -> Path:
    """The smallest kernel that has the first initial RAM file system built in; `source` is an input of the job."""
    first = system(job, "first", FIRST)
    write_files(job.work / first, {f"usr/lib/modules/{RELEASE}/kernel/loop.ko": "not ours"})
    archive = f"cd /work/{first} && find . | sort | cpio --quiet --create --format=newc > /work/first.cpio"
    job.sandbox.run(["sh", "-c", archive])
    (deb,) = job.inputs["source"].glob("linux-source-*.deb")
    job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/source/{deb.name}", "/work/package"])
    (tarball,) = (job.work / "package/usr/src").glob("linux-source-*.tar.xz")
    (job.work / "linux").mkdir()
    job.sandbox.run(
        ["tar", "-xf", f"/work/package/usr/src/{tarball.name}", "-C", "/work/linux", "--strip-components=1"]
    )
    make = ["make", "--silent", f"--jobs={job.cpus}"]
    job.sandbox.run([*make, "tinyconfig"], cwd="/work/linux")
    with (job.work / "linux/.config").open("a") as config:
        config.write(KERNEL_OPTIONS)
    job.sandbox.run([*make, "olddefconfig", "bzImage"], cwd="/work/linux")
    shutil.copyfile(job.work / "linux/arch/x86/boot/bzImage", job.output / "vmlinuz")
    return job.output / "vmlinuz"


def write_files(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _esp(job: Job, kernel: Path) -> Path:
    """A FAT with the kernel, the flag of the first boot, and GRUB with a menu that nobody can change."""
    esp = job.work / "esp.img"
    with esp.open("wb") as image:
        image.truncate(OLD["esp"] * MEBIBYTE)
    (job.work / "grub.cfg").write_text(GRUB_CONFIG)
    modules = "part_gpt fat ext2 search search_label linux normal test configfile echo boot serial terminal"
    standalone = ["grub-mkstandalone", "--format=x86_64-efi", f"--modules={modules}", "--output=/work/grub.efi"]
    job.sandbox.run([*standalone, "boot/grub/grub.cfg=/work/grub.cfg"])
    (job.work / "first_boot").write_text("")
    shutil.copyfile(kernel, job.work / "vmlinuz-a")
    fat = ("-i", "/work/esp.img")
    job.sandbox.run(["mformat", *fat, "-F", "-v", "EFI-SYSTEM", "::"])
    job.sandbox.run(["mmd", *fat, "::/flatcar", "::/EFI", "::/EFI/boot"])
    for source, place in (
        ("vmlinuz-a", "flatcar/vmlinuz-a"),
        ("first_boot", "flatcar/first_boot"),
        ("grub.efi", "EFI/boot/bootx64.efi"),
    ):
        job.sandbox.run(["mcopy", *fat, f"/work/{source}", f"::/{place}"])
    return esp
