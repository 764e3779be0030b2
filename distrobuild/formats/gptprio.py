"""Boot priorities in the attributes of partitions: which of Flatcar's two slots starts, and how often it may fail.

Bits of the 64-bit attributes, as Chrome OS laid them out and Flatcar's GRUB (`gptprio.next`) and `cgpt` use them:
priority 48-51 (0: never, 15: first), tries left 52-55, successful 56.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from distrobuild.errors import DistrobuildError
from distrobuild.formats.gpt import Partition

PRIORITY_SHIFT = 48
TRIES_SHIFT = 52
SUCCESSFUL = 1 << 56
FIELD = 0xF
"""Priority and tries have four bits each."""
MASK = FIELD << PRIORITY_SHIFT | FIELD << TRIES_SHIFT | SUCCESSFUL


class InvalidBootState(DistrobuildError):
    """A priority or a number of tries that four bits cannot hold."""


@dataclass(frozen=True)
class BootState:
    """What the boot loader knows of a slot: `priority` and `tries` from 0 to 15, `successful` once it came up."""

    priority: int = 0
    tries: int = 0
    successful: bool = False

    @property
    def bootable(self) -> bool:
        """Whether the boot loader may choose it."""
        return self.priority > 0 and (self.tries > 0 or self.successful)

    @property
    def attributes(self) -> int:
        """The state as attribute bits, all others zero. Raises `InvalidBootState`."""
        for name, value in (("priority", self.priority), ("tries", self.tries)):
            if not 0 <= value <= FIELD:
                raise InvalidBootState(f"{name} {value} of a boot slot is not in 0 to {FIELD}")
        return self.priority << PRIORITY_SHIFT | self.tries << TRIES_SHIFT | (SUCCESSFUL if self.successful else 0)


def boot_state(partition: Partition) -> BootState:
    """The boot state in a partition's attributes."""
    bits = partition.attributes
    return BootState(bits >> PRIORITY_SHIFT & FIELD, bits >> TRIES_SHIFT & FIELD, bool(bits & SUCCESSFUL))


def with_boot_state(partition: Partition, state: BootState) -> Partition:
    """The partition with another boot state; its other attributes stay. Raises `InvalidBootState`."""
    return replace(partition, attributes=partition.attributes & ~MASK | state.attributes)


def next_slot(partitions: Iterable[Partition], type_guid: UUID) -> Partition | None:
    """The slot that the boot loader takes: the bootable one of this type with the highest priority, else None."""
    slots = [each for each in partitions if each.type_guid == type_guid and boot_state(each).bootable]
    # Of equals the first wins.
    return max(slots, key=lambda each: boot_state(each).priority, default=None)
