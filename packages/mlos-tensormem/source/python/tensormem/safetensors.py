# SPDX-License-Identifier: Apache-2.0
"""Model files of the format safetensors, loaded straight into one sealed tensor, by the library: see tensormem(3).

A file may come from anybody. It is refused unless its header describes every byte of the data once, in tensors whose
size follows from their shape, before any memory for it is allocated.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensormem import dtypes, library
from tensormem.library import call
from tensormem.tensor import Tensor, request_of


class MalformedFile(ValueError):
    """A file that is no safetensors file, or one that contradicts itself."""

    hint = "Load it again from where it came from; a file that was cut or changed is not used in part."


@dataclass(frozen=True)
class Entry:
    """A tensor of a file; offset and size are bytes, the offset from the start of the memory."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a file says is in it; tensors stand in the order of their bytes."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]


class Model:
    """The tensors of a file in one sealed piece of memory."""

    def __init__(self, tensor: Tensor) -> None:
        """Look into a sealed tensor that `load` made, here or in another process. Raises MalformedFile, OSError."""
        self.header = _header(tensor)
        self.tensor = tensor
        self._memory = tensor.view()

    def __getitem__(self, name: str) -> Any:
        """One of its tensors as a read-only NumPy array, without a copy.

        Raises KeyError, and TypeError for a type that NumPy does not have.
        """
        import numpy  # only who asks for arrays needs it

        entry = self.header.tensors[name]
        if entry.dtype in dtypes.UNKNOWN_TO_NUMPY:
            raise TypeError(f"NumPy has no {entry.dtype}: take memory({name!r}) and torch.frombuffer")
        return numpy.frombuffer(self.memory(name), entry.dtype).reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.header.tensors)

    def __len__(self) -> int:
        return len(self.header.tensors)

    def memory(self, name: str) -> memoryview:
        """The bytes of one of its tensors, without a copy. Raises KeyError."""
        entry = self.header.tensors[name]
        return self._memory[entry.offset : entry.offset + entry.size]


def load(path: str | os.PathLike[str], **options: Any) -> Model:
    """Load a file; `options` are those of `Tensor.create`. Raises MalformedFile, OSError."""
    try:
        return Model(Tensor(explained("load", os.fsencode(path), ctypes.byref(how_of(**options)))))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def how_of(**options: Any) -> library.Request:
    """The options of `Tensor.create` as the library's request; the file says how large it is."""
    return request_of(1, None, **options)


def explained(name: str, *arguments: Any) -> Any:
    """What `tensormem_NAME` answers, which has room for an explanation as its last argument.

    Raises MalformedFile if it explains what is wrong with a file, and OSError.
    """
    why = ctypes.create_string_buffer(library.WHY)
    try:
        return call(name, *arguments, why)
    except OSError as error:
        if error.errno in {errno.EBADMSG, errno.EPERM} and why.value:
            raise MalformedFile(why.value.decode("utf-8", "replace")) from None
        raise


def _header(tensor: Tensor) -> Header:
    model = explained("model_open", tensor.handle)
    try:
        count = ctypes.c_size_t()
        parts = call("model_parts", model, ctypes.byref(count))
        tensors = {parts[at].name.decode(): _entry(parts[at]) for at in range(count.value)}
        texts = call("model_metadata", model, ctypes.byref(count))
        metadata = {texts[2 * at].decode(): texts[2 * at + 1].decode() for at in range(count.value)}
        return Header(tensors, metadata)
    finally:
        call("model_close", model)


def _entry(part: library.Part) -> Entry:
    return Entry(dtypes.NAMES[part.dtype], tuple(part.shape[: part.dimensions]), part.offset, part.size)
