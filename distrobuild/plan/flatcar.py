"""The target `flatcar`: a disk whose /usr is read-only and verified, set up by Ignition, booted by UEFI."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.formats import disk_layout
from distrobuild.formats.disk_layout import DiskLayout, PlannedPartition
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.plan.containers import container_images
from distrobuild.plan.extensions import module_extension, package_extension
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.parts import Parts
from distrobuild.stages.disk import DiskOptions, DiskStage
from distrobuild.stages.esp import EspOptions, EspStage
from distrobuild.stages.ext4 import Ext4Options, Ext4Stage
from distrobuild.stages.ignition import IgnitionOptions, IgnitionStage
from distrobuild.stages.uki import UkiOptions, UkiStage
from distrobuild.stages.update import UpdateOptions, UpdateStage
from distrobuild.stages.usr import UsrOptions, UsrStage
from distrobuild.stages.verity import VerityOptions, VerityStage

BOOTS = {Firmware.OVMF: Medium.DISK}
ROOT_LABEL, OEM_LABEL = "ROOT", "OEM"
USR_A = "PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132"
COMMAND_LINE = (
    "usrhash={roothash}",
    "mount.usr=/dev/mapper/usr",
    "mount.usrfstype=squashfs",
    "mount.usrflags=ro",
    f"root=LABEL={ROOT_LABEL}",
    "rw",
    # A kernel that gives up starts again, which is how a machine gets back to the version that worked.
    "panic=10",
    "console=tty0",
    "console=ttyS0,115200n8",
    "ignition.platform.id=qemu",
)
FIND_USR = {
    # Data and hash tree in one partition (systemd-veritysetup-generator(8)).
    "flatcar": (
        f"systemd.verity_usr_data={USR_A}",
        f"systemd.verity_usr_hash={USR_A}",
        f"systemd.verity_usr_options=hash-offset={disk_layout.FLATCAR_USR_HASH_OFFSET},panic-on-corruption",
    ),
    # systemd finds both partitions by the root hash.
    "systemd": ("systemd.verity_usr_options=panic-on-corruption",),
}


@dataclass(frozen=True)
class System:
    """One version of the system: the content of /usr, the same with its hash tree, and the kernel that opens it."""

    usr: Node
    verity: Node
    uki: Node


class Flatcar(Parts):
    """The nodes of one selection of this kind."""

    @property
    def target(self) -> FlatcarTarget:
        """The target's keys."""
        target = self.selection.target
        assert isinstance(target, FlatcarTarget)
        return target

    @property
    def identity(self) -> str:
        """What GUIDs, salts and serial numbers of this image are made of."""
        return f"{self.manifest.name}_{self.manifest.version}"

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
    def update(self) -> Node | None:
        """What brings machines to this version."""
        return self._update(self.system, self.manifest.version) if self.target.layout == "systemd" else None

    @cached_property
    def sysext(self) -> Node | None:
        """Packages for machines that have another image."""
        return package_extension(self, self.target.sysext)

    @cached_property
    def kernel_modules(self) -> Node | None:
        """Modules of our kernel for machines that have this image, and not all of its modules."""
        return module_extension(self, self.target.kernel_modules)

    @cached_property
    def containers(self) -> Node | None:
        """Container images for machines that run them."""
        return container_images(self, self.target.containers)

    @cached_property
    def ignition(self) -> Node | None:
        """What sets the machine of the box tests up."""
        if self.target.ignition is None:
            return None
        inputs: dict[str, Input] = {"butane": self.tree(self.target.ignition)}
        if self.sysext is not None:
            inputs["files"] = self.sysext
        return Node("ignition", IgnitionStage(IgnitionOptions(source=self.target.ignition)), inputs)

    def goals(self) -> tuple[Node, ...]:
        """The image, booted; what stands beside it."""
        beside = {} if self.ignition is None else {"ignition": self.ignition}
        if self.containers is not None:
            beside["containers"] = self.containers
        if self.update is not None:
            beside |= {f"updates/{version}": self._update(self._system(version), version) for version in self._later}
        also = [node for node in (self.sysext, self.kernel_modules, self.update, self.containers) if node is not None]
        return (*self.boots(self.image, BOOTS, beside), *also)

    @property
    def _later(self) -> list[str]:
        """Versions that the tests bring a machine to: of the same content, later by name."""
        return [f"{self.manifest.version}.{number}" for number in (1, 2)]

    def _system(self, version: str) -> System:
        names = self.manifest.name, version
        identity, suffix = "_".join(names), "" if version == self.manifest.version else f"-{version}"
        layers = {"layers/0-root": self.rootfs, "layers/1-install": self.install, "layers/2-image": self.customise}
        content = UsrOptions(layout=self.target.layout, name=names[0], version=version)
        usr = Node(f"usr{suffix}", UsrStage(content), layers, self.tools)
        together = self.target.layout == "flatcar"
        (slot,) = (planned for planned in self.layout.partitions if planned.role == "usr-a")
        room = disk_layout.FLATCAR_USR_HASH_OFFSET if together else slot.size
        hashed = VerityOptions(image=identity, room=room, together=together)
        squashfs = self.squashfs(f"squashfs/usr{suffix}", usr, "usr.tar")
        verity = Node(f"verity{suffix}", VerityStage(hashed), {"filesystem": squashfs})
        command_line = (*COMMAND_LINE, *FIND_USR[self.target.layout])
        inputs = {"install": self.install, "kernel": self.kernel, "usr": usr, "verity": verity}
        uki = Node(f"uki{suffix}", UkiStage(UkiOptions(command_line=command_line)), inputs, self.tools)
        return System(usr, verity, uki)

    def _update(self, system: System, version: str) -> Node:
        options = UpdateOptions(name=self.manifest.name, version=version)
        return Node(f"update/{version}", UpdateStage(options), {"verity": system.verity, "uki": system.uki})

    def _ext4(self, label: str, planned: PlannedPartition, *folders: str) -> Node:
        options = Ext4Options(image=self.identity, label=label, size=planned.size, folders=folders)
        return Node(f"ext4/{planned.role}", Ext4Stage(options), {}, self.tools)
