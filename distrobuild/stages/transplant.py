"""Put a kernel of this project into a release of Flatcar, which starts in two steps.

An initial RAM file system, built into Flatcar's kernel, opens `/usr` and takes a second one from it. Both have modules
of Flatcar's kernel, and so has `/usr`; all three get those of ours that have the same names, with what these need. What
was built in becomes a file beside the kernel: how the machine starts stays Flatcar's, every program of it.

Releases before 2025 had everything in the first one; then there is no second.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats import cpio, kconfig, kernel_hash, kernel_image
from distrobuild.formats.kernel_modules import FILE, module_name
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.stages.kernel_tree import MODULES, KernelTree
from distrobuild.stages.stage import Job, Options, Stage

ENGINE = "lib/flatcar/bootengine.img"
"""The second initial RAM file system, a squashfs, in `/usr`."""
MODULES_OF_USR = "lib/modules"
MODULE_FOLDER = re.compile(r"((?:usr/)?lib/modules)/")
"""Where an initial RAM file system has modules."""
UPDATER = "lib/systemd/system/update-engine.service"
"""Would write a release over what it finds here, and restart the machine into the same kernel as before, for ever."""
NEEDED = (
    *("BLK_DEV_INITRD", "RD_ZSTD", "BLK_DEV_LOOP", "BLK_DEV_DM", "DM_VERITY", "SQUASHFS", "SQUASHFS_ZSTD"),
    *("OVERLAY_FS", "TMPFS", "EXT4_FS", "VFAT_FS", "EFI_PARTITION"),
)
"""What it takes to get to Flatcar's root file system."""


class KernelCannotStartFlatcar(DistrobuildError):
    """A kernel without something that Flatcar's way of starting needs."""


class TransplantOptions(Options):
    """Nothing to choose."""


class TransplantStage(Stage[TransplantOptions]):
    """Flatcar's system and our kernel -> that system with this kernel."""

    kind: ClassVar[str] = "transplant"
    inputs = {"system": "what the official-system stage made", "kernel": "what the kernel stage made"}
    outputs = {
        "usr.tar": "content of /usr",
        "vmlinuz": "our kernel",
        "initrd.img": "Flatcar's first initial RAM file system, with our modules",
        "release": "the kernel's release",
    }

    def run(self, job: Job) -> None:
        """Write. Raises `KernelCannotStartFlatcar`, `UnreadableKernel` or `NoBuiltInArchive`."""
        _check(kconfig.read_fragment(job.inputs["kernel"] / "config", Path("config")))
        kernel = KernelTree.unpack(job)
        shutil.copyfile(kernel.image, job.output / "vmlinuz")
        (job.output / "release").write_text(f"{kernel.release}\n", "utf-8")
        _tell_of_the_root_hash(job, kernel.image)
        _write_first(job, kernel)
        with RootTar(job.inputs["system"] / "usr.tar") as usr, TarWriter(job.output / "usr.tar", job.epoch) as made:
            for path in sorted(usr):
                if path not in (ENGINE, UPDATER) and not path.startswith(f"{MODULES_OF_USR}/"):
                    made.copy(path, usr)
            _add_modules(made, kernel)
            if usr.lookup(ENGINE) is not None:
                made.file(ENGINE, _second(job, usr.read(ENGINE), kernel))
            if usr.lookup(UPDATER) is not None:
                made.link(UPDATER, "/dev/null")


def _check(settings: Iterable[kconfig.Setting]) -> None:
    there = {setting.symbol for setting in settings if setting.value in ("y", "m")}
    if missing := [symbol for symbol in NEEDED if symbol not in there]:
        raise KernelCannotStartFlatcar(
            f"the kernel lacks what Flatcar needs to start: {', '.join(missing)}",
            hint="add them, as `CONFIG_...=y`, to a fragment of the kernel's flavour",
        )


def _tell_of_the_root_hash(job: Job, kernel: Path) -> None:
    """Flatcar's boot loader looks for the root hash in the kernel file; say why it does not stand there."""
    try:
        with kernel.open("rb") as image:
            kernel_hash.check_room(image)
    except kernel_hash.NoRoomForRootHash as error:
        job.log(f"the root hash of /usr comes into the boot menu, not into the kernel: {error.message}")


def _write_first(job: Job, kernel: KernelTree) -> None:
    """What was built into Flatcar's kernel, with modules of ours."""
    packed = kernel_image.payload((job.inputs["system"] / "vmlinuz").read_bytes())
    unpacked = job.sandbox.read([packed.packer, "-dc"], stdin=packed.content)
    entries = cpio.entries_in(io.BytesIO(kernel_image.built_in_archive(unpacked)))
    kept = [entry for entry in entries if not MODULE_FOLDER.match(entry.path)]
    if folders := {match[1] for entry in entries if (match := MODULE_FOLDER.match(entry.path))}:
        names = _modules(entry.path for entry in entries)
        ours = cpio.entries_of(kernel.subset(names, "first"))
        (folder,) = folders
        kept += [_moved(entry, f"{folder}/{kernel.release}") for entry in ours]
    with (job.work / "initrd.cpio").open("wb") as archive:
        cpio.write_archive(archive, kept, job.epoch)
    job.sandbox.run(["zstd", "-19", "--quiet", "-o", "/out/initrd.img", "/work/initrd.cpio"])


def _second(job: Job, engine: bytes, kernel: KernelTree) -> bytes:
    """Flatcar's second initial RAM file system with modules of ours."""
    (job.work / "engine.img").write_bytes(engine)
    job.sandbox.run(["unsquashfs", "-no-progress", "-quiet", "-dest", "/work/engine", "/work/engine.img"])
    there = job.work / "engine" / MODULES
    if there.is_dir():
        names = _modules(path.name for path in there.rglob("*"))
        job.sandbox.run(["find", f"/work/engine/{MODULES}", "-mindepth", "1", "-delete"])
        kernel.subset(names, "second")
        job.sandbox.run(["cp", "-a", f"/work/second/{MODULES}/{kernel.release}", f"/work/engine/{MODULES}/"])
    squashfs = [
        "mksquashfs",
        "/work/engine",
        "/work/second.img",
        "-all-root",
        "-comp",
        "zstd",
        "-no-progress",
        "-quiet",
    ]
    job.sandbox.run(squashfs)
    return (job.work / "second.img").read_bytes()


def _add_modules(made: TarWriter, kernel: KernelTree) -> None:
    folder = f"{MODULES_OF_USR}/{kernel.release}"
    made.folder(folder)
    for path in sorted(kernel.modules.rglob("*")):
        place = f"{folder}/{path.relative_to(kernel.modules).as_posix()}"
        if path.is_dir():
            made.folder(place)
        else:
            made.file(place, path.read_bytes())


def _modules(paths: Iterable[str]) -> set[str]:
    return {module_name(path) for path in paths if FILE.search(path)}


def _moved(entry: cpio.Entry, folder: str) -> cpio.Entry:
    return cpio.Entry(f"{folder}/{entry.path}", entry.mode, entry.content)
