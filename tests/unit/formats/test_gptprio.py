"""Boot priorities: the bits that Flatcar's GRUB and cgpt read."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from distrobuild.formats.disk_layout import FLATCAR_USR
from distrobuild.formats.gpt import Partition
from distrobuild.formats.gpt_read import read
from distrobuild.formats.gptprio import BootState, InvalidBootState, boot_state, next_slot, with_boot_state
from tests.unit.formats.disk_images import write_disk


def slot(number: int, state: BootState, *, type_guid: UUID = FLATCAR_USR) -> Partition:
    return Partition(number, 0, 0, type_guid, UUID(int=number), attributes=state.attributes)


def test_the_bits_are_where_flatcar_reads_them() -> None:
    assert BootState(priority=1, successful=True).attributes == 0x0101000000000000
    assert BootState(priority=15, tries=10).attributes == 0x00AF000000000000


def test_the_state_of_a_fresh_image_is_read(tmp_path: Path) -> None:
    with write_disk("flatcar", tmp_path / "disk") as disk:
        table = read(disk)
    assert boot_state(table.partition("USR-A")) == BootState(priority=1, successful=True)
    assert boot_state(table.partition("USR-B")) == BootState()
    assert next_slot(table.partitions, FLATCAR_USR) == table.partition("USR-A")


def test_other_attributes_stay_when_the_state_changes() -> None:
    partition = Partition(1, 0, 0, FLATCAR_USR, UUID(int=1), attributes=(1 << 64) - 1)
    changed = with_boot_state(partition, BootState(priority=2, tries=1))
    assert changed.attributes == 0xFE12FFFFFFFFFFFF
    assert boot_state(changed) == BootState(priority=2, tries=1)


@pytest.mark.parametrize("state", [BootState(priority=16), BootState(tries=-1)])
def test_what_four_bits_cannot_hold_is_refused(state: BootState) -> None:
    with pytest.raises(InvalidBootState, match="0 to 15"):
        _ = state.attributes


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        ([BootState(1, 0, True), BootState(2, 1, False)], 2),  # just updated
        ([BootState(1, 0, True), BootState(2, 0, False)], 1),  # the update failed its last try
        ([BootState(0, 9, True), BootState(1, 0, True)], 2),  # priority 0 is never taken
        ([BootState(3, 1), BootState(3, 1)], 1),
        ([BootState(1), BootState()], None),
        ([BootState(0, 9, True), BootState(0, 0, True)], None),
    ],
)
def test_the_highest_priority_that_may_still_boot_is_next(states: list[BootState], chosen: int | None) -> None:
    slots = [slot(number, state) for number, state in enumerate(states, start=1)]
    found = next_slot(slots, FLATCAR_USR)
    assert (found.number if found else None) == chosen


def test_a_partition_of_another_type_is_no_slot() -> None:
    assert next_slot([slot(1, BootState(15, 1), type_guid=UUID(int=9))], FLATCAR_USR) is None
