# SPDX-License-Identifier: Apache-2.0
"""Model files of the format safetensors, loaded straight into one sealed tensor.

The memory is such a file again: 8 bytes of length, a header in JSON, the data. Only the header is padded anew, so that
the data begin at a page, and the same file gives the same bytes everywhere. Whoever attaches the tensor reads the
header there.

A file may come from anybody. It is refused unless its header describes every byte of the data once, in tensors whose
size follows from their shape, before any memory for it is allocated.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tensormem import dtypes
from tensormem.tensor import Tensor

LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the format's own implementation."""
MOST_DIMENSIONS = 64
ALIGNMENT = 4096
CHUNK = 16 << 20

TYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
}  # fmt: skip
"""The format's names of types to ours."""


class MalformedFile(ValueError):
    """A file that is no safetensors file, or one that contradicts itself."""

    hint = "Load it again from where it came from; a file that was cut or changed is not used in part."


@dataclass(frozen=True)
class Entry:
    """A tensor of a file; offset and size are bytes from the start of the data."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a file says is in it; `length` is the header's, in bytes, behind the first 8."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]
    length: int
    data: int
    """Bytes of data."""


class Model:
    """The tensors of a file in one sealed piece of memory."""

    def __init__(self, tensor: Tensor) -> None:
        """Look into a sealed tensor that `load` made, here or in another process. Raises MalformedFile."""
        info = tensor.info
        if not info.sealed:
            raise MalformedFile("a model whose memory can still be changed is not to be trusted: seal it")
        self.tensor = tensor
        self._memory = tensor.view()
        self.header = parse(self._memory[:8], lambda length: self._memory[8 : 8 + length], info.size)
        self._start = 8 + self.header.length

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
        return self._memory[self._start + entry.offset : self._start + entry.offset + entry.size]


def load(path: str | os.PathLike[str], **options: Any) -> Model:
    """Load a file; `options` are those of `Tensor.create`. Raises MalformedFile, OSError."""
    with Path(path).open("rb", buffering=0) as file:
        header, text = _read_header(file)
        options.setdefault("name", Path(path).stem.encode()[:63].decode("utf-8", "ignore"))
        start = -(-(8 + len(text)) // ALIGNMENT) * ALIGNMENT
        tensor = Tensor.create(start + header.data, None, **options)
        with contextlib.ExitStack() as stack:
            stack.callback(tensor.close)
            with tensor.writing() as memory:
                memory[:8] = (start - 8).to_bytes(8, "little")
                memory[8:start] = text.ljust(start - 8)
                _read_data(file, memory[start:])
            tensor.seal()
            model = Model(tensor)
            stack.pop_all()
    return model


def parse(length: bytes | memoryview, read: Callable[[int], bytes | memoryview], size: int) -> Header:
    """The header of a file of `size` bytes that begins with the 8 bytes `length`; `read` gives that many after them.

    Raises MalformedFile.
    """
    if len(length) != 8:
        raise MalformedFile("it is shorter than the 8 bytes with which such a file begins")
    count = int.from_bytes(length, "little")
    if count > min(LONGEST_HEADER, size - 8):
        raise MalformedFile(f"a header of {count} bytes in a file of {size}; at most {LONGEST_HEADER} are allowed")
    content = _decode(bytes(read(count)))
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(value, str) for value in metadata.values()):
        raise MalformedFile("__metadata__ is to be an object of texts")
    tensors = {name: _entry(name, value) for name, value in content.items()}
    end = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].size)):
        if entry.offset != end:
            raise MalformedFile(f"{name!r} begins at byte {entry.offset}, and what is before it ends at {end}")
        end += entry.size
    if 8 + count + end != size:
        raise MalformedFile(f"the tensors end at byte {8 + count + end} of {size}")
    return Header(tensors, metadata, count, end)


def _read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """The header, and its text without padding."""
    text = b""

    def read(count: int) -> bytes:
        nonlocal text
        text = _read_exactly(file, count)
        return text

    header = parse(file.read(8), read, os.fstat(file.fileno()).st_size)
    return header, text.rstrip(b" ")


def _read_exactly(file: BinaryIO, count: int) -> bytes:
    buffer = bytearray(count)
    _read_data(file, memoryview(buffer))
    return bytes(buffer)


def _read_data(file: BinaryIO, memory: memoryview) -> None:
    done = 0
    while done < len(memory):
        count = file.readinto(memory[done : done + CHUNK])  # type: ignore[attr-defined]  # raw files have it
        if not count:
            raise MalformedFile(f"the file was cut while it was read: {len(memory) - done} bytes are missing")
        done += count


def _decode(text: bytes) -> dict[str, Any]:
    if text[:1] != b"{":
        raise MalformedFile("the header does not begin with an object of JSON")
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise MalformedFile("the header is nested without end") from None
    except MalformedFile:
        raise
    except ValueError as error:
        raise MalformedFile(f"the header is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise MalformedFile("the header is no object of JSON")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise MalformedFile("the header names something twice")
    return content


def _no_constant(name: str) -> None:
    raise MalformedFile(f"the header has the number {name}, which JSON does not know")


def _natural(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _entry(name: str, value: object) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise MalformedFile(f"{name!r} is to have dtype, shape and data_offsets, and nothing else")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise MalformedFile(f"{name!r} has elements of a type that is not known: {str(kind)[:40]}")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS or not all(_natural(length) for length in shape):
        raise MalformedFile(f"{name!r} has no shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_natural(offset) for offset in offsets):
        raise MalformedFile(f"{name!r} has no offsets")
    size = math.prod(shape) * dtypes.item_size(TYPES[kind])
    if offsets[1] - offsets[0] != size:
        raise MalformedFile(f"{name!r} takes {offsets[1] - offsets[0]} bytes, and its shape needs {size}")
    return Entry(TYPES[kind], tuple(shape), offsets[0], size)
