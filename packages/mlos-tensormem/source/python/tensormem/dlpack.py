# SPDX-License-Identifier: Apache-2.0
"""DLPack: the library makes the structure and its deleter, and here it gets the capsule that Python hands on."""

from __future__ import annotations

import ctypes
import errno

from tensormem.library import address_of, call

CPU = (1, 0)
"""kDLCPU and the number of the device."""

_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(("PyCapsule_New", _api))

_NAMES = {False: b"dltensor", True: b"dltensor_versioned"}
"""The capsule points to its name, which therefore lives as long as the module."""


def capsule(
    handle: int,
    stream: object,
    max_version: tuple[int, int] | None,
    device: tuple[int, int] | None,
    copy: bool | None,
) -> object:
    """A capsule over a tensor's memory; the arguments are those of `__dlpack__`. Raises BufferError."""
    if device not in {None, CPU} or stream is not None:
        raise BufferError("the tensor is in the processor's memory")
    if copy:
        raise BufferError("a copy is for the one who takes the tensor to make")
    versioned = max_version is not None and max_version[0] >= 1
    try:
        managed = call("dlpack", handle, versioned)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise BufferError("it is read-only, which DLPack can say from version 1.0 on: max_version=(1, 0)") from None
        if error.errno == errno.ENOTSUP:
            raise BufferError("DLPack cannot describe it: its type is not said, or its strides are odd") from None
        raise
    return _new(managed, _NAMES[versioned], address_of("dlpack_drop"))
