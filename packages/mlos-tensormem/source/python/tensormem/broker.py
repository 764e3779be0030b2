# SPDX-License-Identifier: Apache-2.0
"""Tensors by name, through tensormemd: several processes share one copy of a model.

from tensormem import broker

with broker.connect() as names:
    names.publish("llama", tensor)
    tensor = names.attach("llama")
    model = names.load("llama", "llama.safetensors")   # from memory if somebody has loaded it
"""

from __future__ import annotations

import ctypes
import grp
import os
import weakref
from dataclasses import dataclass, fields
from typing import Any

from tensormem import dtypes, library
from tensormem.library import call
from tensormem.safetensors import Model, explained, how_of
from tensormem.tensor import Tensor

_KINDS = {library.SCOPE_USER: "user", library.SCOPE_GROUP: "group"}


@dataclass(frozen=True)
class Named:
    """What the broker knows of a name."""

    name: str
    scope: str
    """`user` or `group`"""
    number: int
    """The user's or group's."""
    owner: int
    """User id of who published it."""
    size: int
    """Bytes."""
    digest: str
    """`sha256:...`"""
    attached: int
    """How often."""
    published: int
    """Seconds since 1970."""
    dtype: str | None
    shape: tuple[int, ...]
    huge: bool
    device: bool


@dataclass(frozen=True)
class Statistics:
    """What the broker has done since it started, and what it holds."""

    published: int
    attached: int
    shared: int
    """Publications whose content was there already."""
    refused: int
    started: int
    """Seconds since 1970."""
    memory: int
    """Bytes."""
    memory_without_sharing: int


class Names:
    """A connection to the broker; what it refuses raises OSError. Close it, or use it in a `with` statement."""

    def __init__(self, handle: int) -> None:
        """Take over a handle of the library; use `connect`."""
        self._handle = handle
        self._hang_up = weakref.finalize(self, call, "disconnect", handle)

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; attached tensors stay."""
        self._hang_up()

    def publish(self, name: str, tensor: Tensor, *, group: str | int | None = None, replace: bool = False) -> Named:
        """Give a sealed tensor a name of this user, or of a group; return what the broker knows of it.

        If the broker has the same content already, the name is of that: attach it, and let go of `tensor`.
        Raises OSError: EINVAL if it is not sealed, EEXIST, EDQUOT, EACCES.
        """
        told, flags = library.Named(), library.PUBLISH_REPLACE if replace else 0
        self._ask("publish", _scope(group), name.encode(), tensor.handle, flags, ctypes.byref(told))
        return _named(told)

    def attach(self, name: str, *, group: str | int | None = None) -> Tensor:
        """The tensor of a name. Raises OSError: ENOENT, EACCES."""
        return Tensor(self._ask("attach", _scope(group), name.encode()))

    def look(self, name: str, *, group: str | int | None = None) -> Named:
        """What the broker knows of a name. Raises OSError: ENOENT, EACCES."""
        told = library.Named()
        self._ask("look", _scope(group), name.encode(), ctypes.byref(told))
        return _named(told)

    def load(self, name: str, path: str | os.PathLike[str], *, group: str | int | None = None, **options: Any) -> Model:
        """The model of a name, from memory; where there is none, loaded from a file and published.

        `options` are those of `Tensor.create`. Raises MalformedFile, OSError.
        """
        arguments = _scope(group), name.encode(), os.fsencode(path), ctypes.byref(how_of(**options))
        return Model(Tensor(self._ask("attach_or_load", *arguments, explain=True)))

    def remove(self, name: str, *, group: str | int | None = None) -> None:
        """Take a name away; who has attached the tensor keeps it. Raises OSError: ENOENT, EACCES."""
        self._ask("remove", _scope(group), name.encode())

    def list(self) -> list[Named]:
        """Every name that this user may see."""
        found, count = ctypes.POINTER(library.Named)(), ctypes.c_size_t()
        self._ask("list", ctypes.byref(found), ctypes.byref(count))
        try:
            return [_named(found[at]) for at in range(count.value)]
        finally:
            library.free(found)

    def statistics(self) -> Statistics:
        """What the broker has done, and how many bytes it holds and saves."""
        found = library.Statistics()
        self._ask("statistics", ctypes.byref(found))
        return Statistics(**{field.name: getattr(found, field.name) for field in fields(Statistics)})

    def _ask(self, name: str, *arguments: Any, explain: bool = False) -> Any:
        if not self._hang_up.alive:
            raise ValueError("the connection has been closed")
        try:
            return (explained if explain else call)(name, self._handle, *arguments)
        except OSError as error:
            said = call("refusal", self._handle).decode("utf-8", "replace")
            raise OSError(error.errno, said or error.strerror) from None


def connect(path: str | None = None) -> Names:
    """A connection to the broker at `path`, or where it usually is. Raises OSError."""
    return Names(call("connect", path.encode() if path else None))


def _scope(group: str | int | None) -> Any:
    if group is None:
        return None
    number = group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    return ctypes.byref(library.Scope(library.SCOPE_GROUP, number))


def _named(told: library.Named) -> Named:
    return Named(
        name=told.name.decode(),
        scope=_KINDS[told.scope.kind],
        number=told.scope.number,
        owner=told.owner,
        size=told.size,
        digest=told.digest.decode(),
        attached=told.attached,
        published=told.published,
        dtype=dtypes.NAMES.get(told.dtype),
        shape=tuple(told.shape[: told.dimensions]),
        huge=bool(told.flags & library.INFO_HUGE),
        device=bool(told.flags & library.INFO_DEVICE),
    )
