# SPDX-License-Identifier: Apache-2.0
"""Tensors by name, through tensormemd: several processes share one copy of a model.

from tensormem import broker

with broker.connect() as names:
    names.publish("llama", tensor)
    tensor = names.attach("llama")
    model = names.load("llama", "llama.safetensors")   # from memory if somebody has loaded it
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
from typing import Any

from tensormem import protocol
from tensormem.safetensors import Model, load
from tensormem.tensor import Tensor


class Names:
    """A connection to the broker; what it refuses raises OSError. Close it, or use it in a `with` statement."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; attached tensors stay."""
        self._connection.close()

    def publish(
        self, name: str, tensor: Tensor, *, group: str | int | None = None, replace: bool = False
    ) -> dict[str, Any]:
        """Give a sealed tensor a name of this user, or of a group; return what the broker knows of it.

        If the broker has the same content already, the name is of that: attach it, and let go of `tensor`.
        Raises OSError: EINVAL if it is not sealed, EEXIST, EDQUOT, EACCES.
        """
        message = {"do": "publish", "name": name, "replace": replace, **_scope(group)}
        return self._ask(message, tensor.fileno())[0]

    def attach(self, name: str, *, group: str | int | None = None) -> Tensor:
        """The tensor of a name. Raises OSError: ENOENT, EACCES."""
        _, fd = self._ask({"do": "attach", "name": name, **_scope(group)})
        if fd is None:
            raise OSError(errno.EPROTO, "the broker has sent no tensor")
        try:
            return Tensor.from_fd(fd)
        finally:
            os.close(fd)

    def look(self, name: str, *, group: str | int | None = None) -> dict[str, Any]:
        """What the broker knows of a name. Raises OSError: ENOENT, EACCES."""
        return self._ask({"do": "look", "name": name, **_scope(group)})[0]

    def load(self, name: str, path: str | os.PathLike[str], *, group: str | int | None = None, **options: Any) -> Model:
        """The model of a name, from memory; where there is none, loaded from a file and published.

        `options` are those of `Tensor.create`. Raises MalformedFile, OSError.
        """
        try:
            return Model(self.attach(name, group=group))
        except FileNotFoundError:
            loaded = load(path, **options)
        with contextlib.suppress(FileExistsError):  # somebody was faster
            self.publish(name, loaded.tensor, group=group)
        return Model(self.attach(name, group=group))

    def remove(self, name: str, *, group: str | int | None = None) -> None:
        """Take a name away; who has attached the tensor keeps it. Raises OSError: ENOENT, EACCES."""
        self._ask({"do": "remove", "name": name, **_scope(group)})

    def list(self) -> list[dict[str, Any]]:
        """Every name that this user may see."""
        answer, _ = self._ask({"do": "list"})
        return list(answer["tensors"])

    def statistics(self) -> dict[str, Any]:
        """What the broker has done, and how many bytes it holds and saves."""
        answer, _ = self._ask({"do": "statistics"})
        return answer

    def _ask(self, message: dict[str, Any], fd: int | None = None) -> tuple[dict[str, Any], int | None]:
        protocol.send(self._connection, message, fd)
        received = protocol.receive(self._connection)
        if received is None:
            raise OSError(errno.ECONNRESET, "the broker has hung up")
        answer, answer_fd = received
        if "error" in answer:
            raise OSError(answer["error"], answer["text"])
        answer.pop("ok", None)
        return answer, answer_fd


def connect(path: str | None = None) -> Names:
    """A connection to the broker at `path`, or where it usually is. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(path or protocol.address())
    except OSError:
        connection.close()
        raise
    return Names(connection)


def _scope(group: str | int | None) -> dict[str, Any]:
    if group is None:
        return {}
    number = group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    return {"scope": "group", "number": number}
