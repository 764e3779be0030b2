# SPDX-License-Identifier: Apache-2.0
"""tensormemd: hands out sealed tensors by name. See tensormemd(8)."""

from __future__ import annotations

import argparse
import array
import errno
import os
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensormem import protocol
from tensormem.registry import Named, Peer, Refused, Registry, Scope
from tensormem.tensor import Tensor

FIRST_DESCRIPTOR = 3
"""The first one that systemd hands over (SD_LISTEN_FDS_START)."""
MOST_CONNECTIONS = 64
"""Of one user at a time."""
MOST_LISTED = 200
"""Names in an answer, since packets have an end."""
PATIENCE = 600.0
"""Seconds after which a connection that says nothing is closed."""
MOST_BYTES = 1024
"""Of a socket option, to Python."""
SO_PEERGROUPS = 59
"""Of Linux, include/uapi/asm-generic/socket.h; Python has no name for it."""


def peer_of(connection: socket.socket) -> Peer:
    """Who is at the other end: as of the moment it connected, as the kernel knows."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", credentials)
    groups = array.array("I")
    try:
        groups.frombytes(connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, MOST_BYTES))
    except OSError as error:
        if error.errno != errno.ERANGE:  # of more than 256 groups only the first counts
            raise
    return Peer(uid, frozenset({gid, *groups}))


class Requests:
    """What a connection may ask for."""

    def __init__(self, registry: Registry, peer: Peer) -> None:
        self.registry = registry
        self.peer = peer
        self._known: dict[str, Callable[[dict[str, Any], int | None], tuple[dict[str, Any], int | None]]] = {
            "publish": self.publish,
            "attach": self.attach,
            "look": self.look,
            "remove": self.remove,
            "list": self.list,
            "statistics": self.statistics,
        }

    def answer(self, message: dict[str, Any], fd: int | None) -> tuple[dict[str, Any], int | None]:
        """An answer, and a file descriptor beside it. Raises Refused."""
        kind = message.get("do")
        if not isinstance(kind, str) or kind not in self._known:
            raise Refused(errno.EINVAL, f"nothing that the broker does: {str(kind)[:40]!r}")
        return self._known[kind](message, fd)

    def publish(self, message: dict[str, Any], fd: int | None) -> tuple[dict[str, Any], int | None]:
        if fd is None:
            raise Refused(errno.EINVAL, "a file descriptor is missing")
        try:
            tensor = Tensor.from_fd(fd)
            tensor.info  # noqa: B018  # a sealed description cannot become wrong later
        except OSError as error:
            raise Refused(error.errno or errno.EINVAL, "the file descriptor is no tensor") from None
        replace = message.get("replace", False)
        if not isinstance(replace, bool):
            raise Refused(errno.EINVAL, "`replace` is true or false")
        named = self.registry.publish(self.peer, self._scope(message), _name(message), tensor, replace)
        return _told(named), None

    def attach(self, message: dict[str, Any], _: int | None) -> tuple[dict[str, Any], int | None]:
        named, fd = self.registry.attach(self.peer, self._scope(message), _name(message))
        return _told(named), fd

    def look(self, message: dict[str, Any], _: int | None) -> tuple[dict[str, Any], int | None]:
        return _told(self.registry.look(self.peer, self._scope(message), _name(message))), None

    def remove(self, message: dict[str, Any], _: int | None) -> tuple[dict[str, Any], int | None]:
        self.registry.remove(self.peer, self._scope(message), _name(message))
        return {}, None

    def list(self, _: dict[str, Any], __: int | None) -> tuple[dict[str, Any], int | None]:
        told = [_told(named) for named in self.registry.visible(self.peer)]
        return {"tensors": told[:MOST_LISTED], "more": max(0, len(told) - MOST_LISTED)}, None

    def statistics(self, _: dict[str, Any], __: int | None) -> tuple[dict[str, Any], int | None]:
        memory, without = self.registry.memory()
        return {**vars(self.registry.statistics), "memory": memory, "memory_without_sharing": without}, None

    def _scope(self, message: dict[str, Any]) -> Scope:
        kind, number = message.get("scope", "user"), message.get("number", self.peer.uid)
        if kind not in ("user", "group") or type(number) is not int:
            raise Refused(errno.EINVAL, "a scope is `user` or `group` and its number")
        return Scope(kind, number)


def _name(message: dict[str, Any]) -> str:
    name = message.get("name")
    if not isinstance(name, str):
        raise Refused(errno.EINVAL, "a name is missing")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(errno.EINVAL, "a name is text") from None
    return name


def _told(named: Named) -> dict[str, Any]:
    info = named.content.info
    return {
        "name": named.name,
        "scope": named.scope.kind,
        "number": named.scope.number,
        "owner": named.owner,
        "size": named.content.size,
        "digest": named.content.digest,
        "attached": named.attached,
        "published": named.published,
        "dtype": info.dtype,
        "shape": info.shape,
        "huge": info.huge,
        "device": info.device,
    }


class Broker:
    """Serves connections, each by a thread of its own."""

    def __init__(self, listener: socket.socket, registry: Registry) -> None:
        self._listener = listener
        self._registry = registry
        self._connections: Counter[int] = Counter()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Take connections, for ever."""
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            peer = peer_of(connection)
            try:
                if self._enter(peer):
                    try:
                        requests = Requests(self._registry, peer)
                        while self._exchange(connection, requests):
                            pass
                    finally:
                        self._leave(peer)
            except OSError:  # it has gone, or says nothing
                return

    def _enter(self, peer: Peer) -> bool:
        with self._lock:
            self._connections[peer.uid] += 1
            if self._connections[peer.uid] <= MOST_CONNECTIONS:
                return True
            self._connections[peer.uid] -= 1
            return False

    def _leave(self, peer: Peer) -> None:
        with self._lock:
            self._connections[peer.uid] -= 1

    def _exchange(self, connection: socket.socket, requests: Requests) -> bool:
        try:
            received = protocol.receive(connection)
        except ValueError as error:
            self._registry.statistics.refused += 1
            protocol.send(connection, {"error": errno.EBADMSG, "text": str(error)})
            return False
        if received is None:
            return False
        message, fd = received
        answer_fd = None
        try:
            answer, answer_fd = requests.answer(message, fd)
            protocol.send(connection, {"ok": True, **answer}, answer_fd)
        except Refused as refused:
            self._registry.statistics.refused += 1
            protocol.send(connection, {"error": refused.number, "text": refused.text})
        finally:
            for each in (fd, answer_fd):
                if each is not None:
                    os.close(each)
        return True


def listen(path: str) -> socket.socket:
    """The socket that systemd hands over, or else one of our own at `path`."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=FIRST_DESCRIPTOR)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(128)
    Path(path).chmod(0o666)  # the kernel says who speaks, and the registry what they may
    return listener


def main() -> None:
    """Serve until a signal ends it."""
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    parser = argparse.ArgumentParser(prog="tensormemd", description="Hand out sealed tensors by name.")
    parser.add_argument("--socket", default=protocol.address(), help="where to listen without systemd (%(default)s)")
    parser.add_argument(
        "--limit",
        type=int,
        default=half >> 20,
        metavar="MIB",
        help="of one user's tensors; half of the memory by default",
    )
    arguments = parser.parse_args()
    # The kernel ends it, and gives everything back: a handler in Python would wait for accept() to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Broker(listen(arguments.socket), Registry(arguments.limit << 20)).serve()


if __name__ == "__main__":
    main()
