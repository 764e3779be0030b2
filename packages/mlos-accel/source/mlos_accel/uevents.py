# SPDX-License-Identifier: Apache-2.0
"""The kernel's news about devices: netlink's group of uevents, which everybody may listen to."""

from __future__ import annotations

import socket

KOBJECT_UEVENT = 15
"""NETLINK_KOBJECT_UEVENT of <linux/netlink.h>."""
KERNEL = 1
"""The multicast group of the kernel's own messages; udev's are in group 2."""
SUBSYSTEMS = ("accel", "accel_hub", "apex", "drm", "pci", "usb")
LARGEST = 65536


def listen() -> socket.socket | None:
    """A socket that becomes readable with news; None where the sandbox that we are in has no such thing."""
    try:
        news = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, KOBJECT_UEVENT)
    except OSError:
        return None
    try:
        news.bind((0, KERNEL))
    except OSError:
        news.close()
        return None
    return news


def is_about_accelerators(message: bytes) -> bool:
    """Whether a message can change the inventory: `add@/devices/...`, then `KEY=value`, each with a NUL at its end."""
    fields = dict(word.partition(b"=")[::2] for word in message.split(b"\0"))
    return fields.get(b"SUBSYSTEM", b"").decode(errors="replace") in SUBSYSTEMS


def drained(news: socket.socket) -> bool:
    """Read all that has come; whether any of it is about accelerators. Lost messages (ENOBUFS) can have been."""
    about = False
    while True:
        try:
            about |= is_about_accelerators(news.recv(LARGEST))
        except BlockingIOError:
            return about
        except OSError:
            about = True
