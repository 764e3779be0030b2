# SPDX-License-Identifier: Apache-2.0
"""What tensormemd keeps: sealed tensors by name, each content once, and who may have them. No sockets here."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tensormem.tensor import Info, Tensor

LONGEST_NAME = 200
CHUNK = 16 << 20


class Refused(Exception):
    """A request that is not fulfilled; `number` is one of errno's."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        self.text = text


@dataclass(frozen=True)
class Peer:
    """Who asks, as the kernel says: user id, and all group ids."""

    uid: int
    groups: frozenset[int]


@dataclass(frozen=True)
class Scope:
    """Whose name it is: a user's, or a group's, whose members all see it."""

    kind: str
    """`user` or `group`"""
    number: int

    def open_to(self, peer: Peer) -> bool:
        """Whether this one may see and use the names. The administrator may."""
        if peer.uid == 0:
            return True
        return peer.uid == self.number if self.kind == "user" else self.number in peer.groups


@dataclass
class Content:
    """A sealed tensor, which may have several names."""

    tensor: Tensor
    info: Info
    digest: str
    names: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.info.size


@dataclass
class Named:
    """A name of a content."""

    name: str
    scope: Scope
    content: Content
    owner: int
    published: float
    """Seconds since 1970."""
    attached: int = 0


@dataclass
class Statistics:
    """Since the broker started, or now."""

    published: int = 0
    attached: int = 0
    shared: int = 0
    """Publications whose content was there already."""
    refused: int = 0
    started: float = field(default_factory=time.time)


class Registry:
    """Names and contents. Every method may be called from any thread."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes that the contents of one user's names may have together, each content counted once."""
        self._limit = limit
        self._names: dict[tuple[Scope, str], Named] = {}
        self._contents: dict[tuple[str, object], Content] = {}
        self._lock = threading.Lock()
        self.statistics = Statistics()

    def publish(self, peer: Peer, scope: Scope, name: str, tensor: Tensor, replace: bool = False) -> Named:
        """Give a sealed tensor a name. The registry takes it over, or keeps the same content that it has already.

        Raises Refused: EACCES, EEXIST, EDQUOT, EINVAL.
        """
        self._check(peer, scope, name)
        info = tensor.info
        if not info.sealed or info.slice:
            raise Refused(errno.EINVAL, "only what is whole and sealed has a name: nobody may change it later")
        if info.size > self._limit:  # before anything is done with it
            raise Refused(errno.EDQUOT, f"{info.size} bytes exceed the {self._limit} of a user")
        with self._lock:
            self._replaced(peer, scope, name, replace)
        digest = digest_of(tensor)  # minutes for the largest models, so others are served meanwhile
        key = digest, (info.dtype, info.shape, info.strides, info.model)
        with self._lock:
            old = self._replaced(peer, scope, name, replace)
            known = self._contents.get(key)
            self._check_room(peer, old, info.size, known)
            content = known or self._contents.setdefault(key, Content(tensor, info, digest))
            if known:
                tensor.close()
                self.statistics.shared += 1
            named = Named(name, scope, content, peer.uid, time.time())
            content.names += 1
            self._names[scope, name] = named
            if old:
                self._forget(old.content)
            self.statistics.published += 1
            return named

    def attach(self, peer: Peer, scope: Scope, name: str) -> tuple[Named, int]:
        """The tensor of a name, as a file descriptor that the caller closes. Raises Refused: EACCES, ENOENT."""
        with self._lock:
            named = self._find(peer, scope, name)
            named.attached += 1
            self.statistics.attached += 1
            return named, os.dup(named.content.tensor.fileno())

    def look(self, peer: Peer, scope: Scope, name: str) -> Named:
        """What is known of a name. Raises Refused: EACCES, ENOENT."""
        with self._lock:
            return self._find(peer, scope, name)

    def remove(self, peer: Peer, scope: Scope, name: str) -> None:
        """Take a name away; whoever has attached the tensor keeps it. Raises Refused: EACCES, ENOENT."""
        with self._lock:
            named = self._find(peer, scope, name)
            if peer.uid not in {0, named.owner}:
                raise Refused(errno.EACCES, f"{name!r} was published by another user")
            del self._names[scope, name]
            self._forget(named.content)

    def visible(self, peer: Peer) -> Iterator[Named]:
        """Every name that this one may see."""
        with self._lock:
            yield from [named for named in self._names.values() if named.scope.open_to(peer)]

    def memory(self) -> tuple[int, int]:
        """Bytes of all contents, and what they would take if each name had its own."""
        with self._lock:
            contents = self._contents.values()
            return sum(each.size for each in contents), sum(each.size * each.names for each in contents)

    def _check(self, peer: Peer, scope: Scope, name: str) -> None:
        if not scope.open_to(peer):
            raise Refused(errno.EACCES, f"names of {scope.kind} {scope.number} are not yours to see")
        if not 0 < len(name.encode()) <= LONGEST_NAME or not name.isprintable():
            raise Refused(errno.EINVAL, f"a name has 1 to {LONGEST_NAME} bytes that can be printed")

    def _find(self, peer: Peer, scope: Scope, name: str) -> Named:
        self._check(peer, scope, name)
        if (scope, name) not in self._names:
            raise Refused(errno.ENOENT, f"no tensor {name!r} of {scope.kind} {scope.number}")
        return self._names[scope, name]

    def _replaced(self, peer: Peer, scope: Scope, name: str, replace: bool) -> Named | None:
        """Whose place a new name takes. Raises Refused if it may not."""
        old = self._names.get((scope, name))
        if old and not replace:
            raise Refused(errno.EEXIST, f"there is a tensor {name!r} already: remove it, or ask for a replacement")
        if old and peer.uid not in {0, old.owner}:
            raise Refused(errno.EACCES, f"{name!r} was published by another user")
        return old

    def _check_room(self, peer: Peer, old: Named | None, size: int, known: Content | None) -> None:
        """Raise Refused if `size` bytes more, or the known content, in the place of `old` are too much for a user."""
        names = [each for each in self._names.values() if each.owner == peer.uid and each is not old]
        own = {id(each.content): each.content.size for each in names if each.content is not known}
        used = sum(own.values())
        if used + size > self._limit:
            raise Refused(errno.EDQUOT, f"{used} bytes of user {peer.uid} and {size} more exceed {self._limit}")

    def _forget(self, content: Content) -> None:
        content.names -= 1
        if content.names == 0:
            self._contents = {key: each for key, each in self._contents.items() if each is not content}
            content.tensor.close()


def digest_of(tensor: Tensor) -> str:
    """SHA-256 of a tensor's bytes, as `sha256:...`."""
    digest = hashlib.sha256()
    for chunk in _chunks(tensor):
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _chunks(tensor: Tensor) -> Iterator[memoryview]:
    """Its bytes in parts. A memfd is read and not mapped: then a part that was never written takes no memory."""
    info = tensor.info
    view = tensor.view() if info.device else memoryview(bytearray(min(CHUNK, info.size)))
    for start in range(0, info.size, CHUNK):
        length = min(CHUNK, info.size - start)
        if info.device:
            yield view[start : start + length]
            continue
        done = 0
        while done < length:
            done += os.preadv(tensor.fileno(), [view[done:length]], start + done)
        yield view[:length]
