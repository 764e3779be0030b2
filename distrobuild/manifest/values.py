"""What the single values of a manifest look like, and the base of all its parts.

Apart from the keys themselves, so that a stage which needs a name or a base class does not depend on every key.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

DEFAULT_FLAVOUR = "server"
"""Of kernels and targets that name none."""

NAME = r"^[a-z0-9][a-z0-9+.-]*$"
SHA256 = r"^[0-9a-f]{64}$"
PROJECT_PATH = r"^[^/~].*$"
COMMIT = r"^[0-9a-f]{40}$"
VERSION = r"^[0-9][0-9A-Za-z.+~-]*$"
KERNEL_VERSION = r"^\d+\.\d+(\.\d+)?$"
FLATCAR_VERSION = r"^[0-9]+\.[0-3]\.[0-9]+$"
TIMESTAMP = r"^\d{8}T\d{6}Z$"
ARCHIVE_ADDRESS = r"^(https?://[^/\s]|file:///)\S*$"
PUBLIC_KEY = r"^(\S.*\s)?(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-\S+) AAAA\S+"
ABSOLUTE_PATH = r"^/\S*$"
CONFIG_TARGET = r"^[A-Za-z0-9][A-Za-z0-9_.-]*config$"
MAINTAINER = r"^[^<>]+ <[^<>@\s]+@[^<>@\s]+>$"
ACCOUNT = r"^[a-z_][a-z0-9_-]*$"
KERNEL_ARGUMENT = r"^[!#%&(-\[\]-_a-~]+$"
CONTAINER_NAME = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
CONTAINER_USER = r"^([a-z_][a-z0-9_-]*|[0-9]+)(:([a-z_][a-z0-9_-]*|[0-9]+))?$"
PORT = r"^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])/(tcp|udp)$"
FOLDER = r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$"
MODULE = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
ONE_LINE = r"^\S(.*\S)?$"
LOCALE = r"^[A-Za-z]+(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?$"

MEANINGS = {
    NAME: ("a name", "lower-case letters, digits, `+`, `.` and `-`, beginning with a letter or a digit"),
    SHA256: ("a SHA-256 digest", "64 hexadecimal digits, lower case, as `sha256sum` prints them"),
    PROJECT_PATH: ("a path", "relative to the folder of the manifest"),
    COMMIT: ("a commit id", "all 40 hexadecimal digits, as `git rev-parse` prints them"),
    VERSION: ("a version", "a digit first, then letters, digits, `.`, `+`, `~` and `-`"),
    KERNEL_VERSION: ("a kernel version", "two or three numbers, such as `6.12.40`"),
    ARCHIVE_ADDRESS: ("an address", "`http://HOST/PATH`, `https://HOST/PATH` or `file:///PATH`"),
    PUBLIC_KEY: ("a public key", "one line as in `authorized_keys`: `ssh-ed25519 AAAA... name`"),
    CONFIG_TARGET: ("a configuration target", "a make target such as `x86_64_defconfig` or `allnoconfig`"),
    MAINTAINER: ("a name with an address", "`Name <mail@host>`"),
    ACCOUNT: ("an account name", "lower-case letters, digits, `_` and `-`, not beginning with a digit"),
    KERNEL_ARGUMENT: ("a word of a kernel command line", "printable ASCII without spaces, quotes, `$` and `\\`"),
    LOCALE: ("a locale", "such as `C.UTF-8` or `de_DE.UTF-8`"),
    ABSOLUTE_PATH: ("an absolute path", "it begins with `/`"),
    CONTAINER_NAME: ("a container's name", "lower-case words of letters and digits, with `.`, `_` or `-` between them"),
    CONTAINER_USER: ("a user of a container", "`NAME`, `UID`, `NAME:GROUP` or `UID:GID`"),
    PORT: ("a port", "a number up to 65535 and a protocol, such as `8080/tcp`"),
    FOLDER: ("an absolute path of a folder", "names of letters, digits, `.`, `_` and `-` with `/` before each"),
    MODULE: ("the name of a module", "letters, digits, `_` and `-`, without `.ko`"),
    VARIABLE: ("the name of a variable", "letters, digits and `_`, not beginning with a digit"),
    ONE_LINE: ("one line of text", "no line break, and no blank at either end"),
    FLATCAR_VERSION: ("a version of Flatcar", "such as `4593.2.5`; the second number is 0, 1, 2 or 3"),
    TIMESTAMP: ("a timestamp", "such as `20260101T000000Z`"),
}
"""What a text that must match a pattern is called, and what it looks like, for people."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
AccountName = Annotated[str, StringConstraints(pattern=ACCOUNT)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
ProjectPath = Annotated[str, StringConstraints(pattern=PROJECT_PATH)]


class Model(BaseModel):
    """Base of every part of the manifest: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        defer_build=True,  # a command needs few of the models, and building one takes about a millisecond
    )


class DistributionName(StrEnum):
    """A distribution whose archive can be the base."""

    DEBIAN = "debian"
    UBUNTU = "ubuntu"


class DriverName(StrEnum):
    """A driver of accelerators that needs more than the kernel, named as its module is, or as its maker calls it."""

    AMDGPU = "amdgpu"
    AMDXDNA = "amdxdna"
    IVPU = "ivpu"
    NVIDIA_OPEN = "nvidia-open"
    QAIC = "qaic"
    XE = "xe"
