# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, each with a hint for whoever asked. Exit statuses are those of sysexits.h."""

from __future__ import annotations


class AccelError(Exception):
    """What is wrong, in one line; `hint` says what to do."""

    status = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WrongUsage(AccelError):
    """The command line makes no sense."""

    status = 64


class WrongDeclaration(AccelError):
    """A declared device is declared wrongly."""

    status = 65


class NoSuchDevice(AccelError):
    """No device is called so, or several are."""

    status = 69


class CannotTest(AccelError):
    """The device, or this machine, has nothing to run the known job with."""

    status = 69


class CannotWrite(AccelError):
    """A file could not be written."""

    status = 73
