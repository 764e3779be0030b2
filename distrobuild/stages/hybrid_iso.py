"""One ISO image that boots by BIOS and by UEFI, from a stick and from a disc, around the files that a stage puts on it.

El Torito names two images, one for each firmware; a GPT and a boot record around the same file system make the
file a disk as well. What xorriso, grub-mkimage and mtools would take from the clock or from chance is given to them.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from distrobuild.formats.template import render
from distrobuild.stages.stage import Job, Options

TEMPLATES = Path(__file__).parent / "templates" / "hybrid_iso"
ELTORITO = "boot/grub/eltorito.img"
CHECKSUMS = "sha256sum.txt"
"""Name that live-boot's `verify-checksums` looks for in the root of the medium."""
GRUB_LIB = "/usr/lib/grub"
COMMON_MODULES = (
    "configfile", "echo", "iso9660", "linux", "ls", "normal", "part_gpt", "part_msdos", "read", "reboot", "search",
    "search_fs_file", "serial", "sleep", "terminal", "test",
)  # fmt: skip
BIOS_MODULES = ("biosdisk", *COMMON_MODULES)
EFI_MODULES = ("all_video", "efifwsetup", "fat", *COMMON_MODULES)
ESP_BYTES = 4 << 20
"""Room for GRUB's EFI program (about 1 MiB) in the smallest FAT that firmware is known to read."""


class MediumOptions(Options):
    """What the medium calls itself."""

    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]*\.iso$")
    """Name of the image, for example `mlos-1.0.0-vm-amd64.iso`."""
    name: str
    """Short name of the distribution."""
    title: str
    """Name for people; stands in the menu."""
    version: str
    """Version of the distribution."""
    architecture: str = "amd64"
    """Debian's name of the processor."""
    menu_seconds: int = Field(default=3, ge=0)
    """How long the menu waits before it boots the first entry."""

    @property
    def volume_id(self) -> str:
        """`MLOS_1_0_0`: the 32 capital letters, digits and `_` that ISO 9660 allows (ECMA-119, 7.4.1 and 8.4.7)."""
        text = f"{self.name}_{self.version}".upper()
        return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text)[:32]

    def info(self, epoch: int) -> str:
        """What `.disk/info` says."""
        date = datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d")
        return f"{self.title} {self.version} {self.architecture} ({date})\n"


class Medium:
    """The files of the medium: those written here and those taken from inputs, which are not copied first."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._files: dict[str, tuple[Path, str]] = {}

    def write(self, place: str, text: str) -> None:
        """Write a file."""
        path = self._job.work / "medium" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self._files[place] = path, f"/work/medium/{place}"

    def take(self, place: str, source: str) -> None:
        """Take a file of an input: `source` is its path in the sandbox below /inputs."""
        name, _, file = source.rpartition("/")
        self._files[place] = self._job.inputs[name] / file, f"/inputs/{source}"

    @property
    def grafts(self) -> list[str]:
        """xorriso's words for the files: place on the medium, file in the sandbox."""
        boot = f"{ELTORITO}=/work/eltorito.img"
        return [boot, *(f"{place}={inside}" for place, (_, inside) in sorted(self._files.items()))]

    def checksums(self) -> str:
        """The files so far in sha256sum's format; not the El Torito image, which xorriso changes when it writes."""
        lines = []
        for place, (path, _) in sorted(self._files.items()):
            with path.open("rb") as stream:
                lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  ./{place}\n")
        return "".join(lines)


def write_image(job: Job, medium: Medium, options: MediumOptions, menu: Path) -> None:
    """Add what a medium needs to its content, and write the image. Raises `ProgramFailed`.

    `menu` is the template of GRUB's menu. It gets the options, `consoles`, which sets `$consoles`, and `machine`,
    entries about the machine itself.
    """
    # GRUB finds its medium by a file that no other medium has: named after what stands on this one.
    number = uuid.UUID(bytes=hashlib.sha256(medium.checksums().encode()).digest()[:16])
    texts = {name: (TEMPLATES / f"{name}.cfg").read_text("utf-8").rstrip("\n") for name in ("consoles", "machine")}
    facts = options.model_dump() | texts | {"medium": str(number)}
    medium.write(f".disk/{number}.uuid", "")
    medium.write(".disk/info", options.info(job.epoch))
    medium.write("boot/grub/grub.cfg", render(menu, facts))
    medium.write(CHECKSUMS, medium.checksums())
    (job.work / "start.cfg").write_text(render(TEMPLATES / "start.cfg.j2", facts), "utf-8")
    _make_bios_image(job)
    _make_efi_image(job, number.int & 0xFFFFFFFF)
    job.sandbox.run(_xorriso(job.epoch, options, medium))


def _xorriso(epoch: int, names: MediumOptions, medium: Medium) -> list[str]:
    date = datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d%H%M%S00")
    options = ["-as", "mkisofs", "-quiet", "-output", f"/out/{names.file_name}"]
    options += ["-volid", names.volume_id, f"--modification-date={date}", "--set_all_file_dates", date]
    # Rock Ridge with owners and modes made uniform, Joliet for Windows, files of more than 4 GiB.
    options += ["-rational-rock", "-joliet", "-joliet-long", "-iso-level", "3", "-graft-points"]
    bios = ["-b", ELTORITO, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info"]
    disk = ["--grub2-mbr", f"{GRUB_LIB}/i386-pc/boot_hybrid.img", "-partition_offset", "16"]
    disk += ["-append_partition", "2", "0xef", "/work/esp.img", "-appended_part_as_gpt"]
    efi = ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]
    return ["xorriso", *options, *bios, *disk, *efi, *medium.grafts]


def _make_bios_image(job: Job) -> None:
    """`cdboot.img` loads the rest of an El Torito image; `boot_hybrid.img` in the boot record does it from a disk."""
    core = ("--prefix=/boot/grub", "--config=/work/start.cfg", "--output=/work/core.img")
    job.sandbox.run(["grub-mkimage", "--format=i386-pc", *core, *BIOS_MODULES])
    loader = job.sandbox.read(["cat", f"{GRUB_LIB}/i386-pc/cdboot.img"])
    (job.work / "eltorito.img").write_bytes(loader + (job.work / "core.img").read_bytes())


def _make_efi_image(job: Job, serial: int) -> None:
    """A FAT file system with the program that UEFI starts when nothing else is set (UEFI 2.10, 3.5.1.1)."""
    program = "/work/BOOTX64.EFI"
    command = ["grub-mkimage", "--format=x86_64-efi", "--prefix=/boot/grub", "--config=/work/start.cfg"]
    job.sandbox.run([*command, f"--output={program}", *EFI_MODULES])
    with (job.work / "esp.img").open("wb") as image:
        image.truncate(ESP_BYTES)
    fat = ("-i", "/work/esp.img")
    geometry = ("-T", str(ESP_BYTES // 512), "-h", "16", "-s", "32")
    job.sandbox.run(["mformat", *fat, "-N", f"{serial:08x}", "-v", "ESP", *geometry, "::"])
    job.sandbox.run(["mmd", *fat, "::/EFI", "::/EFI/BOOT"])
    job.sandbox.run(["mcopy", *fat, program, "::/EFI/BOOT/BOOTX64.EFI"])
