# SPDX-License-Identifier: Apache-2.0
"""Tensors that are allocated ahead of the moment at which somebody waits for one."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from typing import Any

from tensormem.library import call
from tensormem.tensor import Tensor, request_of


class Pool:
    """Tensors after one request, zeroed and in memory. May be used from any thread."""

    def __init__(self, count: int, shape: Sequence[int] | int, dtype: str | None = "float32", **options: Any) -> None:
        """Make `count` of them now; the rest is as for `Tensor.create`. Raises OSError: ENOMEM, EINVAL."""
        request = request_of(shape, dtype, **options)
        self._handle = call("pool_create", ctypes.byref(request), count)
        weakref.finalize(self, call, "pool_close", self._handle)

    def take(self) -> Tensor:
        """One of them; where none is left, one is made now. Raises OSError: ENOMEM."""
        return Tensor(call("pool_take", self._handle))

    def __len__(self) -> int:
        """How many are ready."""
        return int(call("pool_ready", self._handle))
