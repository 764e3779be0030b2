# SPDX-License-Identifier: Apache-2.0
"""Pools: blocks of one size, such as tensors, that processes share and pass on by handles."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

from mlos_dataplane.library import fail, library
from mlos_dataplane.opened import Opened


def create_pool(path: str | os.PathLike[str] | None, block_size: int, blocks: int) -> int:
    """Make a pool of `blocks` (a power of two) of `block_size` bytes (a multiple of 64).

    Without a path the descriptor of an anonymous file is returned, else 0. Raises OSError: EINVAL, FileExistsError.
    """
    if block_size < 0 or blocks < 0:
        raise ValueError("sizes are positive")
    made: int = library.dp_pool_create(None if path is None else os.fsencode(path), block_size, blocks)
    if made < 0:
        raise fail(None if path is None else os.fspath(path))
    return made


class Pool(Opened):
    """Part in a pool.

    Who gives: `take`, write, push the handle, `pass_on`. Who receives: pop the handle, `adopt`, read, `give_back`.
    A receiver killed between pop and `adopt` takes the block with it, until the file goes.

    OSError: ESTALE for a handle that is out of date, EPERM for a block that somebody else has.
    """

    def __init__(self, place: str | os.PathLike[str] | int) -> None:
        """Take part in the pool at a path, or in an anonymous one by its descriptor.

        Raises `OtherVersion`, `Damaged`, or OSError: EBUSY if 64 processes do already.
        """
        if isinstance(place, int):
            opened = library.dp_pool_open_fd(place)
        else:
            opened, place = library.dp_pool_open(os.fsencode(place)), os.fspath(place)
        super().__init__(opened, library.dp_pool_close, "the pool", place)
        self.block_size: int = library.dp_pool_block_size(opened)
        self.blocks: int = library.dp_pool_blocks(opened)
        self._in_use = 0

    def take(self) -> int:
        """The handle of a block that is now ours. Raises OSError: ENOMEM if all are in use by the living."""
        handle: int = library.dp_pool_take(self.handle())
        if not handle:
            raise fail()
        return handle

    @contextlib.contextmanager
    def block(self, handle: int) -> Iterator[memoryview]:
        """The bytes of a block of ours, for the time of the `with` statement."""
        address = library.dp_pool_block(self.handle(), handle)
        if not address:
            raise fail()
        view = memoryview((ctypes.c_ubyte * self.block_size).from_address(address)).cast("B")
        self._in_use += 1
        try:
            yield view
        finally:
            view.release()
            self._in_use -= 1

    def lend(self, handle: int) -> Lent:
        """A block of ours for somebody who keeps it beyond a `with` statement. It is free when the result is gone."""
        address = library.dp_pool_block(self.handle(), handle)
        if not address:
            raise fail()
        self._in_use += 1
        return Lent(self, handle, address)

    def _take_back(self, handle: int) -> None:
        """The block is free, whatever became of it meanwhile."""
        self._in_use -= 1
        library.dp_pool_give_back(self.handle(), handle)

    def pass_on(self, handle: int) -> bool:
        """Let go of a block whose handle was pushed. Returns whether it was ours still: the receiver may be faster."""
        passed: bool = library.dp_pool_pass(self.handle(), handle) == 0
        return passed

    def adopt(self, handle: int) -> None:
        """The block is ours, whoever had it."""
        if library.dp_pool_adopt(self.handle(), handle) < 0:
            raise fail()

    def give_back(self, handle: int) -> None:
        """The block is free."""
        if library.dp_pool_give_back(self.handle(), handle) < 0:
            raise fail()

    def close(self) -> None:
        """Leave, and give back what is ours still. Raises BufferError while the bytes of a block are in use."""
        if self._in_use:
            raise BufferError("a block is in use")
        super().close()


class Lent:
    """A block that goes back to its pool with this object."""

    def __init__(self, pool: Pool, handle: int, address: int) -> None:
        """Use `Pool.lend`."""
        self._pool, self._handle, self.address = pool, handle, address
        self._is_back = False

    def give_back(self) -> None:
        """Once is enough, more do no harm."""
        if not self._is_back:
            self._is_back = True
            self._pool._take_back(self._handle)

    __del__ = give_back
