# SPDX-License-Identifier: Apache-2.0
"""One inventory of a machine's accelerators. See mlos-accel(1).

from mlos_accel import inventory

for device in inventory.collect().devices:
    print(device.uuid, device.name, device.memory.total_bytes)
"""
