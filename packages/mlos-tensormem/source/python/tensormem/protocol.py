# SPDX-License-Identifier: Apache-2.0
"""What programs and tensormemd say to each other: a packet of JSON each way, and a file descriptor beside it.

A request has `do` and its arguments. An answer has `ok`, or `error` (a number of errno) and `text`. The socket keeps
packets apart (SOCK_SEQPACKET), and the kernel tells the broker who speaks, so nothing in a packet has to prove that.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

SOCKET = "/run/tensormem/broker"
"""Where the broker listens, unless TENSORMEM_SOCKET says otherwise."""
LONGEST = 128 << 10
"""Bytes of a packet."""


def address() -> str:
    """Where the broker listens."""
    return os.environ.get("TENSORMEM_SOCKET", SOCKET)


def send(connection: socket.socket, message: Mapping[str, Any], fd: int | None = None) -> None:
    """Send a packet, and a file descriptor that stays the caller's. Raises OSError."""
    ancillary = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    connection.sendmsg([json.dumps(message).encode()], ancillary, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket) -> tuple[dict[str, Any], int | None] | None:
    """Take a packet and the file descriptor that came with it, which is the caller's to close; None at the end.

    Raises ValueError for what is no packet of this protocol, OSError.
    """
    room = socket.CMSG_SPACE(8 * array.array("i").itemsize)
    data, ancillary, flags, _ = connection.recvmsg(LONGEST, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    with contextlib.ExitStack() as stack:
        for fd in fds:
            stack.callback(os.close, fd)
        if not data:
            return None
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(fds) > 1:
            raise ValueError("the packet is too long, or has more than one file descriptor")
        try:
            message = json.loads(data)
        except RecursionError:
            raise ValueError("the packet is nested without end") from None
        if not isinstance(message, dict):
            raise ValueError("the packet is no object")
        stack.pop_all()
    return message, fds[0] if fds else None
