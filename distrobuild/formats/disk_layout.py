"""The disks that distrobuild writes, as data: which partitions in which order, how large, of which type.

Two layouts over one writer (`gpt`). `flatcar` is Flatcar's own, number for number, so that its boot loader and updater
work on it. `systemd` follows the Discoverable Partitions Specification (UAPI group, DPS), so that systemd finds
everything by type. GUIDs that the layouts leave open are derived from the image's name: the same image, the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from distrobuild.errors import DistrobuildError
from distrobuild.formats import gpt
from distrobuild.formats.gptprio import BootState
from distrobuild.formats.verity import BLOCK_SIZE, Verity
from distrobuild.manifest.suggestion import hint

SECTOR = 512
MEBIBYTE = 1 << 20
NAMESPACE = UUID("6f3d0f5e-54c1-5d3b-9d0e-8a5b1f4c7e29")
"""Of the GUIDs that are derived; drawn once, never to change."""

EFI_SYSTEM = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
BIOS_BOOT = UUID("21686148-6449-6e6f-744e-656564454649")
LINUX_DATA = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
FLATCAR_USR = UUID("5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6")
"""`flatcar-rootfs`, the two slots between which gptprio chooses."""
FLATCAR_RESERVED = UUID("c95dc21a-df0e-4340-8d7b-26cbfa9a03e0")
FLATCAR_RESIZE = UUID("3884dd41-8582-4404-b9a8-e9b84f2df50e")
"""A root that Flatcar grows to the end of the disk at first boot."""
DPS_ROOT = UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
DPS_USR = UUID("8484680c-9521-48c6-9c11-b0720656f69e")
DPS_USR_VERITY = UUID("77ff5f63-e7b6-4633-acf4-1565b864c0e6")
"""These three are for x86-64; the specification has other types for other architectures."""
DPS_VAR = UUID("4d21b016-b534-45c2-a9fb-5c16e091fd2d")
DPS_READ_ONLY = 1 << 60
DPS_GROW_FILE_SYSTEM = 1 << 59

FLATCAR_DISK_GUID = UUID("00000000-0000-0000-0000-000000000001")
"""Tells the first boot to draw a random one."""
FLATCAR_ROOT_SECTORS = {"base": 3653632, "vm": 12943360, "azure": 50876416, "vagrant": 33845248}
"""Size of ROOT by kind of disk; nothing else differs."""
FLATCAR_USR_DATA_BLOCKS = 260094
"""Blocks of 4 KiB that the file system in a /usr slot may have."""
FLATCAR_USR_HASH_OFFSET = FLATCAR_USR_DATA_BLOCKS * BLOCK_SIZE
FLATCAR_USR_SIZE = 1 << 30
"""Bytes of a slot that are in use, and that an update replaces: data, superblock and hash tree."""
EMPTY_SLOT = "_empty"
"""Name of a partition that systemd-sysupdate may fill."""


class UnknownDisk(DistrobuildError):
    """A kind of disk that the layout does not have."""


class InvalidLayout(DistrobuildError):
    """Sizes with which the layout cannot be laid out."""


@dataclass(frozen=True)
class PlannedPartition:
    """A partition before it has a place: `role` names it for this project, `name` on the disk; `size` in bytes."""

    role: str
    number: int
    name: str
    type_guid: UUID
    size: int
    guid: UUID | None = None
    """None: derived from the image and the role."""
    attributes: int = 0


@dataclass(frozen=True)
class DiskLayout:
    """Partitions in the order of the disk. `alignment` of each and `disk_alignment` of the disk's size in bytes."""

    name: str
    partitions: tuple[PlannedPartition, ...]
    alignment: int
    disk_alignment: int
    disk_guid: UUID | None = None

    def table(self, image: str, guids: Mapping[str, UUID] | None = None) -> gpt.Table:
        """The partition table of the smallest disk that holds the layout.

        `image` names the image and its version; GUIDs are derived from it, except for the roles in `guids` and those
        that the layout fixes. Raises `gpt.InvalidPartitions`, and `InvalidLayout` for a size that is not whole sectors.
        """
        given = guids or {}
        end, partitions = gpt.ENTRY_COUNT * gpt.ENTRY.size + 2 * SECTOR, []
        for planned in self.partitions:
            if planned.size <= 0 or planned.size % SECTOR:
                raise InvalidLayout(
                    f"partition `{planned.name}`: {planned.size} bytes are not whole sectors of {SECTOR}"
                )
            start = aligned(end, self.alignment)
            end = start + planned.size
            guid = given.get(planned.role) or planned.guid or derived_guid(image, planned.role)
            first, last = start // SECTOR, end // SECTOR - 1
            partitions.append(
                gpt.Partition(planned.number, first, last, planned.type_guid, guid, planned.name, planned.attributes)
            )
        # The backup of the table needs as much room as the primary copy with the protective MBR, less that sector;
        # Flatcar's own calculation keeps it, and the disk sizes must be the same.
        size = aligned(end + gpt.ENTRY_COUNT * gpt.ENTRY.size + 2 * SECTOR, self.disk_alignment)
        disk_guid = given.get("disk") or self.disk_guid or derived_guid(image, "disk")
        return gpt.create(disk_guid, size // SECTOR, partitions)


@dataclass(frozen=True)
class SystemdSizes:
    """Sizes of the `systemd` layout in bytes, multiples of 1 MiB; without `var` that stays on the root."""

    esp: int = 512 * MEBIBYTE
    usr: int = 1024 * MEBIBYTE
    root: int = 1024 * MEBIBYTE
    var: int | None = None


def flatcar(disk: str = "base") -> DiskLayout:
    """Flatcar's layout (its `disk_layout.json` since October 2025). Raises `UnknownDisk` for a kind it does not have.

    An image made before has smaller partitions: read its table, and never assume this one.
    """
    if disk not in FLATCAR_ROOT_SECTORS:
        otherwise = "the layout `flatcar` has the disks"
        raise UnknownDisk(f"there is no disk `{disk}`", hint=hint(disk, FLATCAR_ROOT_SECTORS, otherwise=otherwise))
    usr_a, usr_b = UUID("7130c94a-213a-4e5a-8e26-6cce9662f132"), UUID("e03dd35c-7c2d-4a47-b3fe-27f15780a57c")
    good = BootState(priority=1, successful=True).attributes
    partitions = (
        PlannedPartition("esp", 1, "EFI-SYSTEM", EFI_SYSTEM, 1024 * MEBIBYTE),
        PlannedPartition("bios-boot", 2, "BIOS-BOOT", BIOS_BOOT, 2 * MEBIBYTE),
        PlannedPartition("usr-a", 3, "USR-A", FLATCAR_USR, 2048 * MEBIBYTE, usr_a, good),
        PlannedPartition("usr-b", 4, "USR-B", FLATCAR_USR, 2048 * MEBIBYTE, usr_b),
        PlannedPartition("oem", 6, "OEM", LINUX_DATA, 1024 * MEBIBYTE),
        PlannedPartition("oem-config", 7, "OEM-CONFIG", FLATCAR_RESERVED, 64 * MEBIBYTE),
        PlannedPartition("root", 9, "ROOT", FLATCAR_RESIZE, FLATCAR_ROOT_SECTORS[disk] * SECTOR),
    )
    # 258048 sectors are a multiple of 2 MiB and of a cylinder of 16 heads and 63 sectors, which a fixed VHD asks for.
    return DiskLayout("flatcar", partitions, 2 * MEBIBYTE, 258048 * SECTOR, FLATCAR_DISK_GUID)


def systemd(name: str, version: str, sizes: SystemdSizes | None = None) -> DiskLayout:
    """The layout of an image `name` `version` for systemd-boot and systemd-sysupdate, x86-64.

    Slot A carries the version in its names (`NAME_VERSION`, `NAME_VERSION_verity`), slot B is free. The verity
    partitions hold the tree of a full /usr. Raises `InvalidLayout` for sizes that are not multiples of 1 MiB.
    """
    sizes = sizes or SystemdSizes()
    for what, size in (("esp", sizes.esp), ("usr", sizes.usr), ("root", sizes.root), ("var", sizes.var)):
        if size is not None and (size <= 0 or size % MEBIBYTE):
            raise InvalidLayout(f"size of `{what}`: {size} bytes are not a multiple of 1 MiB")
    tree = Verity(sizes.usr // BLOCK_SIZE, b"", UUID(int=0)).hash_size
    verity, used = aligned(tree, MEBIBYTE), f"{name}_{version}"
    partitions = [
        PlannedPartition("esp", 1, "esp", EFI_SYSTEM, sizes.esp),
        PlannedPartition("usr-a", 2, used, DPS_USR, sizes.usr, attributes=DPS_READ_ONLY),
        PlannedPartition("usr-verity-a", 3, f"{used}_verity", DPS_USR_VERITY, verity, attributes=DPS_READ_ONLY),
        PlannedPartition("usr-b", 4, EMPTY_SLOT, DPS_USR, sizes.usr, attributes=DPS_READ_ONLY),
        PlannedPartition("usr-verity-b", 5, EMPTY_SLOT, DPS_USR_VERITY, verity, attributes=DPS_READ_ONLY),
        PlannedPartition("root", 6, "root", DPS_ROOT, sizes.root, attributes=DPS_GROW_FILE_SYSTEM),
    ]
    if sizes.var:
        # The specification mounts /var by type only where its GUID belongs to the machine's id, which no image can
        # know: this one needs a line in fstab.
        partitions.append(PlannedPartition("var", 7, "var", DPS_VAR, sizes.var, attributes=DPS_GROW_FILE_SYSTEM))
    return DiskLayout("systemd", tuple(partitions), MEBIBYTE, MEBIBYTE)


def named(layout: str, name: str, version: str, disk: str = "base") -> DiskLayout:
    """The layout `flatcar` for a kind of disk, or `systemd` for the image `name` `version`."""
    return flatcar(disk) if layout == "flatcar" else systemd(name, version)


def verity_guids(root_hash: str) -> tuple[UUID, UUID]:
    """GUIDs of a DPS /usr partition and of its verity partition: first and last 128 bits of the root hash (hex).

    By them `usrhash=` alone finds both at boot (systemd-veritysetup-generator(8)).
    """
    return UUID(hex=root_hash[:32]), UUID(hex=root_hash[-32:])


def derived_guid(image: str, role: str) -> UUID:
    """A GUID that depends on the image's name and the role only."""
    return uuid5(NAMESPACE, f"{image}/{role}")


def aligned(size: int, alignment: int) -> int:
    """The next multiple of `alignment`."""
    return -(-size // alignment) * alignment
