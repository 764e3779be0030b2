# SPDX-License-Identifier: Apache-2.0
"""The inventory as JSON, in the form of inventory.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mlos_accel.inventory import Inventory

SCHEMA = "mlos-accel/1"
"""Grows by keys; a key that goes or changes its meaning makes it `mlos-accel/2`."""


def document(inventory: Inventory) -> dict[str, Any]:
    """What is printed, as dictionaries and lists."""
    return {
        "schema": SCHEMA,
        "devices": [{"index": index, **asdict(device)} for index, device in enumerate(inventory.devices)],
        "problems": [asdict(problem) for problem in inventory.problems],
    }


def text(inventory: Inventory) -> str:
    """The document with a newline at its end."""
    return json.dumps(document(inventory), indent=2) + "\n"
