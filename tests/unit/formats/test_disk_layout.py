"""The disks: Flatcar's numbers to the sector, systemd's types by the specification, the same image the same bytes."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from distrobuild.formats import disk_layout
from distrobuild.formats.disk_layout import InvalidLayout, SystemdSizes, UnknownDisk, flatcar, systemd
from distrobuild.formats.gpt import InvalidPartitions
from distrobuild.formats.gpt_read import read
from distrobuild.formats.verity import Verity
from tests.unit.formats.disk_images import write_disk

MIB = 1 << 20


def same_digits(digit: int) -> UUID:
    """The GUIDs that the vector has where Flatcar's are random: 11111111-1111-5111-8111-111111111111."""
    text = str(UUID(f"{digit}" * 32))
    return UUID(f"{text[:14]}5{text[15:19]}8{text[20:]}")


def test_flatcars_disk_is_byte_for_byte_what_sgdisk_makes_of_its_layout(tmp_path: Path) -> None:
    numbers = {"esp": 1, "bios-boot": 2, "oem": 6, "oem-config": 7, "root": 9}
    ours = flatcar().table("any", {role: same_digits(number) for role, number in numbers.items()})
    with write_disk("flatcar", tmp_path / "disk") as disk:
        assert ours == read(disk)


@pytest.mark.parametrize(
    ("disk", "root", "size"),
    [
        ("base", 3653632, 8455716864),
        ("vm", 12943360, 13212057600),
        ("azure", 50876416, 32633782272),
        ("vagrant", 33845248, 23913824256),
    ],
)
def test_every_kind_of_flatcar_disk_has_its_size(disk: str, root: int, size: int) -> None:
    table = flatcar(disk).table("any")
    assert (table.partition("ROOT").first, table.partition("ROOT").sectors) == (12722176, root)
    assert table.sectors * 512 == size
    assert size % MIB == 0


def test_an_unknown_kind_of_disk_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownDisk, match="did you mean `azure`"):
        flatcar("azur")
    with pytest.raises(UnknownDisk, match="`base`, `vagrant`, `vm`"):
        flatcar("xxxxx")


def test_data_and_hash_tree_fill_what_flatcar_updates() -> None:
    verity = Verity(disk_layout.FLATCAR_USR_DATA_BLOCKS, b"", UUID(int=0))
    assert disk_layout.FLATCAR_USR_HASH_OFFSET == 1065345024
    assert verity.data_size + verity.hash_size == disk_layout.FLATCAR_USR_SIZE


def test_open_guids_depend_on_the_image_and_nothing_else() -> None:
    one, again, other = (flatcar().table(image) for image in ("mlos 1.0.0", "mlos 1.0.0", "mlos 1.0.1"))
    assert one == again
    assert one.partition("USR-A").guid == other.partition("USR-A").guid
    assert one.partition("ROOT").guid != other.partition("ROOT").guid
    assert len({each.guid for each in one.partitions}) == 7


def test_a_given_guid_wins_over_the_layouts_own() -> None:
    table = flatcar().table("any", {"usr-a": UUID(int=1), "disk": UUID(int=2)})
    assert (table.partition("USR-A").guid, table.disk_guid) == (UUID(int=1), UUID(int=2))


def test_a_derived_guid_never_changes() -> None:
    assert flatcar().table("mlos 1.0.0").partition("ROOT").guid == UUID("1f002e33-cedd-5082-9c05-0ffe4c9b6d71")


def test_the_systemd_layout_has_the_types_that_systemd_discovers() -> None:
    table = systemd("mlos", "1.0.0", SystemdSizes(var=512 * MIB)).table("mlos 1.0.0")
    assert [(each.number, each.name, str(each.type_guid)) for each in table.partitions] == [
        (1, "esp", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
        (2, "mlos_1.0.0", "8484680c-9521-48c6-9c11-b0720656f69e"),
        (3, "mlos_1.0.0_verity", "77ff5f63-e7b6-4633-acf4-1565b864c0e6"),
        (4, "_empty", "8484680c-9521-48c6-9c11-b0720656f69e"),
        (5, "_empty", "77ff5f63-e7b6-4633-acf4-1565b864c0e6"),
        (6, "root", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
        (7, "var", "4d21b016-b534-45c2-a9fb-5c16e091fd2d"),
    ]
    assert table.sectors * 512 % MIB == 0
    assert all(each.first * 512 % MIB == 0 for each in table.partitions)


def test_a_verity_partition_holds_the_tree_of_a_full_usr() -> None:
    table = systemd("mlos", "1", SystemdSizes(usr=3072 * MIB)).table("mlos 1")
    tree = Verity(3072 * MIB // 4096, b"", UUID(int=0)).hash_size
    assert tree <= table.partition("mlos_1_verity").sectors * 512 < tree + MIB


def test_both_slots_are_read_only_and_the_root_grows() -> None:
    table = systemd("mlos", "1").table("mlos 1")
    assert [each.attributes >> 56 for each in table.partitions] == [0, 16, 16, 16, 16, 8]


def test_usr_and_its_tree_are_found_by_the_root_hash() -> None:
    usr, tree = disk_layout.verity_guids("0123456789abcdef" * 2 + "fedcba9876543210" * 2)
    assert str(usr) == "01234567-89ab-cdef-0123-456789abcdef"
    assert str(tree) == "fedcba98-7654-3210-fedc-ba9876543210"
    table = systemd("mlos", "1").table("mlos 1", {"usr-a": usr, "usr-verity-a": tree})
    assert table.partition("mlos_1").guid == usr


@pytest.mark.parametrize("sizes", [SystemdSizes(usr=MIB + 4096), SystemdSizes(root=0), SystemdSizes(var=-MIB)])
def test_a_size_that_is_no_multiple_of_a_mebibyte_is_refused(sizes: SystemdSizes) -> None:
    with pytest.raises(InvalidLayout, match="multiple of 1 MiB"):
        systemd("mlos", "1", sizes)


def test_a_version_that_no_partition_name_holds_is_refused() -> None:
    with pytest.raises(InvalidPartitions, match="39 UTF-16 code units"):
        systemd("mlos", "1.0.0-rc.1+build.20260101.1").table("any")
