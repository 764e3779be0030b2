# SPDX-License-Identifier: Apache-2.0
"""Names that a device keeps: what its vendor gave it, or else what it is and where it is.

The serial number of a PCI device is no such name, although many have one: only root can read it, and the same device
must not have one name for root and another one for everybody else.
"""

from __future__ import annotations

import uuid

NAMESPACE = uuid.UUID("c016a693-ad74-4c56-a933-53e387a22d30")
"""Of the names that are made here. Never change it: every derived name would."""


def from_place(vendor: str, device: str, place: str) -> str:
    """A UUIDv5 of vendor, device and address: another one in another slot."""
    return str(uuid.uuid5(NAMESPACE, f"place {vendor} {device} {place}"))


def from_serial(vendor: str, device: str, serial: str) -> str:
    """A UUIDv5 of vendor, device and serial number: the same in every slot."""
    return str(uuid.uuid5(NAMESPACE, f"serial {vendor} {device} {serial}"))
