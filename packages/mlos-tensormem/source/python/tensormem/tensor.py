# SPDX-License-Identifier: Apache-2.0
"""Tensors that processes share: made, described, sealed, handed on, and seen as arrays without a copy."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import socket
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensormem import dlpack, dtypes, library
from tensormem.library import call


@dataclass(frozen=True)
class Info:
    """What a tensor says of itself; sizes are bytes."""

    name: str
    dtype: str | None
    """None: not said, so it is bytes."""
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    """Bytes; None: row-major, without gaps."""
    model: int
    size: int
    allocated: int
    offset: int
    generation: int
    node: int | None
    sealed: bool
    read_only: bool
    huge: bool
    slice: bool
    imported: bool
    """Made of memory that others have made."""
    device: bool
    """Of /dev/tensor, and no memfd."""


def describe(
    name: str = "",
    dtype: str | None = None,
    shape: Sequence[int] = (),
    strides: Sequence[int] | None = None,
    model: int = 0,
) -> library.Meta:
    """The library's form of a description. Raises ValueError for what it cannot hold."""
    encoded = name.encode()
    if len(encoded) >= library.NAME_LENGTH or b"\0" in encoded:
        raise ValueError(f"a name has at most {library.NAME_LENGTH - 1} bytes, and no zero: {name!r}")
    if len(shape) > library.DIMENSIONS or any(not 0 <= length < 2**63 for length in shape):
        raise ValueError(f"a shape has at most {library.DIMENSIONS} lengths from 0 on: {tuple(shape)}")
    if strides is not None and len(strides) != len(shape):
        raise ValueError(f"a stride for each of {len(shape)} dimensions, not {len(strides)}")
    meta = library.Meta(name=encoded, dtype=dtypes.number_of(dtype) if dtype else 0, dimensions=len(shape), model=model)
    meta.shape[: len(shape)] = shape
    meta.stride[: len(shape)] = strides or [0] * len(shape)
    return meta


class _Handle:
    """A handle of the library, closed when neither a tensor nor a mapping needs it."""

    def __init__(self, number: int) -> None:
        self.number = number
        weakref.finalize(self, call, "close", number)


def _unmap(handle: _Handle, address: int) -> None:
    call("unmap", handle.number, address)


def request_of(
    shape: Sequence[int] | int,
    dtype: str | None = "float32",
    *,
    name: str = "",
    model: int = 0,
    huge: bool | None = False,
    node: int | None = None,
    populate: bool = False,
    device: bool = True,
) -> library.Request:
    """What `Tensor.create` asks the library for. Raises ValueError, or OSError with ENOMEM for what no machine has."""
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    size = math.prod(lengths) * (dtypes.item_size(dtype) if dtype else 1)
    if size >= 2**64:
        raise OSError(errno.ENOMEM, f"{size} bytes are more than there can be")
    flags = library.CREATE_HUGE_TRY if huge is None else library.CREATE_HUGE if huge else 0
    flags |= library.CREATE_NODE if node is not None else 0
    flags |= library.CREATE_POPULATE if populate else 0
    flags |= 0 if device else library.CREATE_MEMFD
    meta = describe(name, dtype, lengths if dtype else (), None, model)
    return library.Request(size=size, flags=flags, node=node or 0, meta=meta)


class Tensor:
    """A handle of a tensor. Close it, or use it in a `with` statement; arrays made of it stay valid.

    Whatever the library refuses raises OSError; see tensormem(3) for the numbers.
    """

    def __init__(self, handle: int) -> None:
        """Take over a handle of the library; use `create`, `from_fd` or `receive`."""
        self._handle: _Handle | None = _Handle(handle)

    @classmethod
    def create(cls, shape: Sequence[int] | int, dtype: str | None = "float32", **options: Any) -> Tensor:
        """Make one, all zero. `dtype` None: `shape` is a number of bytes.

        Options: `name` and `model` describe it. `huge=True` asks for 2 MiB pages, None for such where there are any;
        `node` is a NUMA node, `populate=True` allocates now and not at the first use, `device=False` makes a memfd even
        where there is /dev/tensor.
        """
        return cls(call("create", ctypes.byref(request_of(shape, dtype, **options))))

    @classmethod
    def from_fd(cls, fd: int) -> Tensor:
        """The tensor behind a file descriptor, which stays the caller's."""
        return cls(call("from_fd", fd))

    @classmethod
    def import_fd(
        cls,
        fd: int,
        *,
        name: str = "",
        dtype: str | None = None,
        shape: Sequence[int] = (),
        device: bool = True,
    ) -> Tensor:
        """A tensor of what others have made: a memfd sealed against every change, or, of /dev/tensor, a dma-buf.

        The file descriptor stays the caller's. Raises OSError: EINVAL.
        """
        flags = 0 if device else library.IMPORT_MEMFD
        return cls(call("import", fd, flags, ctypes.byref(describe(name, dtype, shape))))

    def export(self, *, write: bool = False) -> int:
        """A new file descriptor of a dma-buf over its memory, for a device's driver; it is the caller's to close.

        What devices only read is sealed, what they `write` is not. Raises OSError: EBUSY, EPERM, and ENOTSUP for a
        memfd that /dev/udmabuf does not take.
        """
        return int(call("export", self.handle, library.EXPORT_WRITE if write else 0))

    @classmethod
    def receive(cls, connection: socket.socket) -> Tensor:
        """Take the tensor that the other end of a Unix socket sends. Raises OSError: EBADMSG, ECONNRESET."""
        return cls(call("receive", connection.fileno()))

    def send(self, connection: socket.socket) -> None:
        """Hand it to the process at the other end of a Unix socket."""
        call("send", connection.fileno(), self.handle)

    def fileno(self) -> int:
        """The file descriptor; of a slice on memfd the whole tensor's."""
        return int(call("fd", self.handle))

    def close(self) -> None:
        """Give up the handle; arrays made of it stay valid."""
        self._handle = None

    def __enter__(self) -> Tensor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def info(self) -> Info:
        """What it says of itself now."""
        found = library.Info()
        call("info", self.handle, ctypes.byref(found))
        meta, flags = found.meta, found.flags
        strides = tuple(meta.stride[: meta.dimensions])
        return Info(
            name=meta.name.decode("utf-8", "replace"),
            dtype=dtypes.NAMES.get(meta.dtype, f"unknown ({meta.dtype:#x})") if meta.dtype else None,
            shape=tuple(meta.shape[: meta.dimensions]),
            strides=strides if any(strides) else None,
            model=meta.model,
            size=found.size,
            allocated=found.allocated,
            offset=found.offset,
            generation=found.generation,
            node=None if found.node < 0 else found.node,
            sealed=bool(flags & library.INFO_SEALED),
            read_only=bool(flags & library.INFO_READ_ONLY),
            huge=bool(flags & library.INFO_HUGE),
            slice=bool(flags & library.INFO_SLICE),
            imported=bool(flags & library.INFO_IMPORTED),
            device=bool(flags & library.INFO_DEVICE),
        )

    def describe(
        self,
        name: str = "",
        dtype: str | None = None,
        shape: Sequence[int] = (),
        strides: Sequence[int] | None = None,
        model: int = 0,
    ) -> None:
        """Say anew what lies in it. Raises OSError: EPERM once it is sealed, EINVAL if that does not fit."""
        call("set_meta", self.handle, ctypes.byref(describe(name, dtype, shape, strides, model)))

    def seal(self) -> None:
        """Make it immutable for ever. Raises OSError: EBUSY while an array or view of it can be written."""
        try:
            call("seal", self.handle)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise OSError(errno.EBUSY, "somebody can still write it: drop every writable array and view") from None
            raise

    def slice(
        self,
        offset: int,
        size: int,
        *,
        name: str = "",
        dtype: str | None = None,
        shape: Sequence[int] = (),
        read_only: bool = False,
    ) -> Tensor:
        """A part that shares its memory; `offset` is a multiple of the page size. Raises OSError: EINVAL."""
        if not 0 <= offset < 2**64 or not 0 <= size < 2**64:
            raise OSError(errno.EINVAL, f"{size} bytes at {offset} are no slice")
        meta, flags = describe(name, dtype, shape), library.SLICE_READ_ONLY if read_only else 0
        return Tensor(call("slice", self.handle, offset, size, flags, ctypes.byref(meta)))

    def signal(self, generation: int = 0) -> int:
        """Signal a generation, 0 for the next; return it. Raises OSError: EPERM once it is sealed, EINVAL."""
        number = ctypes.c_uint64(generation)
        call("signal", self.handle, ctypes.byref(number))
        return number.value

    def wait(self, generation: int, timeout: float | None = None) -> int:
        """Wait for a generation or a later one; return it. `timeout` is seconds, None for ever.

        Raises TimeoutError, and OSError with EPERM if it is sealed, so that the generation will never come.
        """
        deadline = library.FOR_EVER if timeout is None else time.monotonic_ns() + max(0, round(timeout * 1e9))
        number = ctypes.c_uint64(generation)
        call("wait", self.handle, ctypes.byref(number), 0 if timeout == 0 else deadline)
        return number.value

    def view(self, *, write: bool = False, populate: bool = False) -> memoryview:
        """Its bytes, mapped until the last view is gone. Raises OSError: EPERM if `write` and it cannot be."""
        flags = (library.MAP_WRITE if write else 0) | (library.MAP_POPULATE if populate else 0)
        handle, size = self._held(), self.info.size
        address = call("map", handle.number, flags)
        memory = (ctypes.c_ubyte * size).from_address(address)
        # The handle knows how long the mapping is, so it stays for as long.
        weakref.finalize(memory, _unmap, handle, address).atexit = False
        view = memoryview(memory).cast("B")
        return view if write else view.toreadonly()

    @contextlib.contextmanager
    def writing(self) -> Iterator[memoryview]:
        """Its bytes to be written, all of them, in a `with` statement, after which it can be sealed."""
        view = self.view(write=True, populate=True)  # at once is cheaper than page by page
        try:
            yield view
        finally:
            view.release()

    def numpy(self, *, write: bool | None = None, populate: bool = False) -> Any:
        """A NumPy array over its memory. `write` None: writable if the tensor is.

        Raises TypeError for a type that NumPy does not have (`view` and `torch.from_dlpack` still serve).
        """
        import numpy  # only who asks for arrays needs it

        info = self.info
        if info.dtype in dtypes.UNKNOWN_TO_NUMPY:
            raise TypeError(f"NumPy has no {info.dtype}: take torch.from_dlpack, or view() as uint16 or uint8")
        writable = not (info.sealed or info.read_only) if write is None else write
        view = self.view(write=writable, populate=populate)
        shape = info.shape if info.dtype else (info.size,)
        return numpy.ndarray(shape, info.dtype or "uint8", buffer=view, strides=info.strides)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """For `numpy.asarray`: without a copy, unless another type is asked for."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"{array.dtype} cannot be seen as {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __buffer__(self, flags: int) -> memoryview:
        """The buffer protocol (Python 3.12 and later): `memoryview(tensor)`, `bytes(tensor)`."""
        info = self.info
        return self.view(write=not (info.sealed or info.read_only))

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """For `from_dlpack` of NumPy, PyTorch and others. Raises BufferError for what DLPack cannot say."""
        return dlpack.capsule(self.handle, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CPU

    @property
    def handle(self) -> int:
        """The library's handle, for the rest of this package. Raises ValueError if the tensor has been closed."""
        return self._held().number

    def _held(self) -> _Handle:
        if self._handle is None:
            raise ValueError("the tensor has been closed")
        return self._handle
