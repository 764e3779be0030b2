"""The target `flatcar`: a disk whose /usr is read-only and verified, set up by Ignition, booted by UEFI."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.formats import disk_layout
from distrobuild.formats.disk_layout import DiskLayout, PlannedPartition
from distrobuild.plan.containers import container_images
from distrobuild.plan.extensions import module_extension
from distrobuild.plan.flatcar_parts import FlatcarParts
from distrobuild.plan.graph import Input, Node
from distrobuild.stages.convert import ConvertOptions, ConvertStage, Format
from distrobuild.stages.disk import DiskOptions, DiskStage
from distrobuild.stages.esp import EspOptions, EspStage
from distrobuild.stages.ext4 import Ext4Options, Ext4Stage
from distrobuild.stages.memory_iso import MemoryIsoOptions, MemoryIsoStage
from distrobuild.stages.payload import PayloadOptions, PayloadStage
from distrobuild.stages.pxe import USR, PxeOptions, PxeStage
from distrobuild.stages.uki import FIRST_BOOT, UkiOptions, UkiStage
from distrobuild.stages.update import UpdateOptions, UpdateStage
from distrobuild.stages.update_key import UpdateKeyOptions, UpdateKeyStage
from distrobuild.stages.updater import UpdaterOptions, UpdaterStage
from distrobuild.stages.usr import UsrOptions, UsrStage
from distrobuild.stages.verity import VerityOptions, VerityStage

BOOTS = {Firmware.OVMF: Medium.DISK}
PXE_BOOTS = {Firmware.SEABIOS: Medium.NETWORK}
ISO_BOOTS = {Firmware.SEABIOS: Medium.CDROM, Firmware.OVMF: Medium.USB}
ROOT_LABEL, OEM_LABEL = "ROOT", "OEM"
SLOT = "/dev/disk/usr"
CONSOLES = ("console=tty0", "console=ttyS0,115200n8")
COMMAND_LINE = (
    "usrhash={roothash}",
    "mount.usr=/dev/mapper/usr",
    "mount.usrfstype=squashfs",
    "mount.usrflags=ro",
    f"root=LABEL={ROOT_LABEL}",
    "rw",
    # A kernel that gives up starts again, which is how a machine gets back to the version that worked.
    "panic=10",
    *CONSOLES,
    "ignition.platform.id=qemu",
)
WITHOUT_DISK = (
    "root=tmpfs",
    f"mount.usr=/{USR}",
    "mount.usrfstype=squashfs",
    "mount.usrflags=ro,loop",
    "panic=10",
    # What lives in memory is set up at every start.
    *FIRST_BOOT,
    "ignition.platform.id=metal",
)
"""How the kernel is told to find everything in its initial RAM file system."""
SUFFIXES: dict[Format, str] = {"qcow2": ".qcow2", "vmdk": ".vmdk", "vhd": ".vhd", "gce": "-gce.tar.gz"}
"""How the disk is called in each format."""
FIND_USR = {
    # Data and hash tree in one partition (systemd-veritysetup-generator(8)). Which slot it is, udev finds out by the
    # root hash: one kernel starts from both.
    "flatcar": (
        f"systemd.verity_usr_data={SLOT}",
        f"systemd.verity_usr_hash={SLOT}",
        f"systemd.verity_usr_options=hash-offset={disk_layout.FLATCAR_USR_HASH_OFFSET},panic-on-corruption",
    ),
    # systemd finds both partitions by the root hash.
    "systemd": ("systemd.verity_usr_options=panic-on-corruption",),
}


@dataclass(frozen=True)
class System:
    """One version of the system: the content of /usr, also packed, also with a hash tree; the kernel that opens it."""

    usr: Node
    squashfs: Node
    verity: Node
    uki: Node


class Flatcar(FlatcarParts):
    """The nodes of one selection whose `/usr` is made of packages."""

    @cached_property
    def layout(self) -> DiskLayout:
        """The partitions."""
        return disk_layout.named(self.target.layout, self.manifest.name, self.manifest.version)

    @cached_property
    def system(self) -> System:
        """The version that the disk starts with."""
        return self._system(self.manifest.version)

    @cached_property
    def image(self) -> Node:
        """The disk."""
        partitions = {planned.role: planned for planned in self.layout.partitions}
        esp = EspOptions(image=self.identity, label="EFI-SYSTEM", size=partitions["esp"].size)
        content: dict[str, tuple[Node, str]] = {
            "esp": (Node("esp", EspStage(esp), {"uki": self.system.uki}, self.tools), "esp.img"),
            "usr-a": (self.system.verity, "usr.img"),
            "root": (self._ext4(ROOT_LABEL, partitions["root"], "usr"), "filesystem.img"),
        }
        if "usr-verity-a" in partitions:
            content["usr-verity-a"] = (self.system.verity, "usr-verity.img")
        if "oem" in partitions:
            content["oem"] = (self._ext4(OEM_LABEL, partitions["oem"]), "filesystem.img")
        inputs: dict[str, Input] = {f"partitions/{role}": node for role, (node, _) in content.items()}
        if self.target.layout == "systemd":
            inputs["verity"] = self.system.verity
        options = DiskOptions(
            file_name=f"{self.file_stem}.raw",
            layout=self.target.layout,
            name=self.manifest.name,
            version=self.manifest.version,
            content={role: file for role, (_, file) in content.items()},
        )
        return Node("disk", DiskStage(options), inputs)

    @cached_property
    def conversions(self) -> tuple[Node, ...]:
        """The disk in the formats that the target asks for."""
        wanted = [(kind, suffix) for kind, suffix in SUFFIXES.items() if kind in self.target.outputs]
        return tuple(self._conversion(kind, suffix) for kind, suffix in wanted)

    @cached_property
    def pxe(self) -> Node:
        """The system for machines without a disk."""
        options = PxeOptions(
            file_stem=f"{self.file_stem}-pxe",
            title=self.selection.title,
            version=self.manifest.version,
            command_line=(*WITHOUT_DISK, *CONSOLES, *self.target.kernel_arguments),
        )
        return Node("pxe", PxeStage(options), {"install": self.install, "usr": self.system.squashfs})

    @cached_property
    def iso(self) -> Node:
        """The same on a medium."""
        options = MemoryIsoOptions(
            file_name=f"{self.file_stem}.iso",
            name=self.manifest.name,
            title=self.selection.title,
            version=self.manifest.version,
            architecture=self.selection.architecture,
            command_line=(*WITHOUT_DISK, *self.target.kernel_arguments),
        )
        return Node("iso", MemoryIsoStage(options), {"pxe": self.pxe}, self.tools)

    @cached_property
    def kernel_modules(self) -> Node | None:
        """Modules of our kernel for machines that have this image, and not all of its modules."""
        return module_extension(self, self.target.kernel_modules)

    @cached_property
    def containers(self) -> Node | None:
        """Container images for machines that run them."""
        return container_images(self, self.target.containers)

    @cached_property
    def update(self) -> Node:
        """What brings machines to this version."""
        return self._update(self.system, self.manifest.version)

    @cached_property
    def update_key(self) -> Node:
        """The public half of the key that signs updates; both halves if the manifest names none."""
        key = self.target.update.key
        inputs: dict[str, Input] = {} if key is None else {"key": self.tree(key, secret=True)}
        return Node("update-key", UpdateKeyStage(UpdateKeyOptions(given=key is not None)), inputs)

    @cached_property
    def updater(self) -> Node:
        """What a machine of layout `flatcar` updates itself with."""
        return Node("updater", UpdaterStage(UpdaterOptions()), {"key": self.update_key}, self.tools)

    def goals(self) -> tuple[Node, ...]:
        """The image, booted; what stands beside it."""
        config = {} if self.ignition is None else {"ignition": self.ignition}
        beside = config | {
            f"updates/{version}": self._update(self._system(version), version) for version in self._later
        }
        if self.containers is not None:
            beside["containers"] = self.containers
        made = [node for node in (*self.beside, self.kernel_modules, self.containers) if node is not None]
        goals = [*self.boots(self.image, BOOTS, beside), *self.conversions, *made, self.update]
        if "pxe" in self.target.outputs:
            goals += self.boots(self.pxe, PXE_BOOTS, config, "pxe")
        if "iso" in self.target.outputs:
            goals += self.boots(self.iso, ISO_BOOTS, kind="iso")
        return tuple(goals)

    @property
    def _later(self) -> list[str]:
        """Versions that the tests bring a machine to: of the same content, later by name."""
        return [f"{self.manifest.version}.{number}" for number in (1, 2)]

    def _system(self, version: str) -> System:
        names = self.manifest.name, version
        identity, suffix = "_".join(names), "" if version == self.manifest.version else f"-{version}"
        parts = {"layers/0-root": self.rootfs, "layers/1-install": self.install, "layers/2-image": self.customise}
        together = self.target.layout == "flatcar"
        if together:
            parts["updater"] = self.updater
        updates = self.target.update.address.removesuffix("/")
        content = UsrOptions(layout=self.target.layout, name=names[0], version=version, updates=updates)
        usr = Node(f"usr{suffix}", UsrStage(content), parts, self.tools)
        (slot,) = (planned for planned in self.layout.partitions if planned.role == "usr-a")
        room = disk_layout.FLATCAR_USR_HASH_OFFSET if together else slot.size
        hashed = VerityOptions(image=identity, room=room, together=together)
        squashfs = self.squashfs(f"squashfs/usr{suffix}", usr, "usr.tar")
        verity = Node(f"verity{suffix}", VerityStage(hashed), {"filesystem": squashfs, "install": self.install})
        command_line = (*COMMAND_LINE, *FIND_USR[self.target.layout], *self.target.kernel_arguments)
        inputs = {"install": self.install, "kernel": self.kernel, "usr": usr, "verity": verity}
        uki = Node(f"uki{suffix}", UkiStage(UkiOptions(command_line=command_line)), inputs, self.tools)
        return System(usr, squashfs, verity, uki)

    def _update(self, system: System, version: str) -> Node:
        inputs: dict[str, Input] = {"verity": system.verity, "uki": system.uki}
        if self.target.layout == "systemd":
            options = UpdateOptions(name=self.manifest.name, version=version)
            return Node(f"update/{version}", UpdateStage(options), inputs)
        key = self.target.update.key
        inputs["key"] = self.update_key if key is None else self.tree(key, secret=True)
        return Node(f"update/{version}", PayloadStage(PayloadOptions(name=self.manifest.name, version=version)), inputs)

    def _conversion(self, kind: Format, suffix: str) -> Node:
        options = ConvertOptions(format=kind, file_name=f"{self.file_stem}{suffix}", image=self.identity)
        return Node(f"convert/{kind}", ConvertStage(options), {"disk": self.image}, self.tools)

    def _ext4(self, label: str, planned: PlannedPartition, *folders: str) -> Node:
        options = Ext4Options(image=self.identity, label=label, size=planned.size, folders=folders)
        return Node(f"ext4/{planned.role}", Ext4Stage(options), {}, self.tools)
