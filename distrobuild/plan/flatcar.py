"""The target `flatcar`: a disk in Flatcar's layout, /usr read-only and verified, set up by Ignition, booted by UEFI."""

from __future__ import annotations

from functools import cached_property

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.formats import disk_layout
from distrobuild.manifest.package import load_package
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.parts import Parts
from distrobuild.stages.disk import DiskOptions, DiskStage
from distrobuild.stages.esp import EspOptions, EspStage
from distrobuild.stages.ext4 import Ext4Options, Ext4Stage
from distrobuild.stages.ignition import IgnitionOptions, IgnitionStage
from distrobuild.stages.sysext import SysextOptions, SysextStage
from distrobuild.stages.uki import UkiOptions, UkiStage
from distrobuild.stages.usr import UsrOptions, UsrStage
from distrobuild.stages.verity import VerityOptions, VerityStage

BOOTS = {Firmware.OVMF: Medium.DISK}
USR_A = "PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132"
COMMAND_LINE = (
    # /usr: the first slot, data and hash tree in one partition (systemd-veritysetup-generator(8)).
    "usrhash={roothash}",
    f"systemd.verity_usr_data={USR_A}",
    f"systemd.verity_usr_hash={USR_A}",
    f"systemd.verity_usr_options=hash-offset={disk_layout.FLATCAR_USR_HASH_OFFSET},panic-on-corruption",
    "mount.usr=/dev/mapper/usr",
    "mount.usrfstype=squashfs",
    "mount.usrflags=ro",
    "root=LABEL=ROOT",
    "rw",
    "console=tty0",
    "console=ttyS0,115200n8",
    "ignition.platform.id=qemu",
)


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
    def layout(self) -> disk_layout.DiskLayout:
        """The partitions."""
        return disk_layout.flatcar()

    @cached_property
    def usr(self) -> Node:
        """The packages, ours, and what makes them this image."""
        layers = {"layers/0-root": self.rootfs, "layers/1-install": self.install, "layers/2-image": self.customise}
        return Node("usr", UsrStage(UsrOptions(layout=self.layout.name)), layers, self.tools)

    @cached_property
    def verity(self) -> Node:
        """/usr as it stands in its slot."""
        options = VerityOptions(image=self.identity, data_blocks=disk_layout.FLATCAR_USR_DATA_BLOCKS)
        return Node("verity", VerityStage(options), {"filesystem": self.squashfs("squashfs/usr", self.usr, "usr.tar")})

    @cached_property
    def uki(self) -> Node:
        """What UEFI starts."""
        inputs = {"install": self.install, "kernel": self.kernel, "usr": self.usr, "verity": self.verity}
        return Node("uki", UkiStage(UkiOptions(command_line=COMMAND_LINE)), inputs, self.tools)

    @cached_property
    def image(self) -> Node:
        """The disk."""
        partitions = {planned.role: planned for planned in self.layout.partitions}
        esp = EspOptions(image=self.identity, label=partitions["esp"].name, size=partitions["esp"].size)
        inputs = {
            "partitions/esp": Node("esp", EspStage(esp), {"uki": self.uki}, self.tools),
            "partitions/usr-a": self.verity,
            "partitions/oem": self._ext4(partitions["oem"]),
            "partitions/root": self._ext4(partitions["root"], "usr"),
        }
        options = DiskOptions(file_name=f"{self.file_stem}.raw", image=self.identity)
        return Node("disk", DiskStage(options), inputs)

    @cached_property
    def sysext(self) -> Node | None:
        """Packages for machines that have another image."""
        wanted = self.target.sysext
        if wanted is None:
            return None
        described = (load_package(self.selection.root / "packages" / name) for name in wanted.packages)
        options = SysextOptions(
            name=self.manifest.name,
            version=self.manifest.version,
            architecture=self.selection.architecture,
            fits=wanted.fits,
            format=wanted.format,
            enable=tuple(unit for package in described for unit in package.enable),
            updates=wanted.updates,
        )
        inputs = {f"debs/{name}": self.deb(name) for name in wanted.packages}
        return Node("sysext", SysextStage(options), inputs, self.tools)

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
        beside = () if self.sysext is None else (self.sysext,)
        return (*self.boots(self.image, BOOTS, self.ignition), *beside)

    def _ext4(self, partition: disk_layout.PlannedPartition, *folders: str) -> Node:
        options = Ext4Options(image=self.identity, label=partition.name, size=partition.size, folders=folders)
        return Node(f"ext4/{partition.role}", Ext4Stage(options), {}, self.tools)
