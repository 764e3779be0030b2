"""Signatures of kernel modules, by a key that outlives the build.

Left to itself, kbuild makes a key, signs with it and puts its certificate into the kernel: no two builds would be
equal, and no module that is compiled later could be signed. So a kernel signs by the key of the manifest or not at all.
A signature by RSA has no random part, and the kernel's say not when they were made: the same key gives the same bytes.
Format: a private key and its certificate in one PEM file (Documentation/admin-guide/module-signing.rst of the kernel).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from distrobuild.errors import DistrobuildError
from distrobuild.formats.kconfig import Setting, parse_fragment
from distrobuild.stages.stage import Job

KEY = "key"
KEY_INPUT = "PEM file with an RSA key and its certificate, which signs the modules; without it they are not signed"
"""Name of the input, and what it is, for every stage that signs modules."""
KEY_PATH = f"/inputs/{KEY}"
"""Where programs find it."""
FRAGMENT = f"""\
CONFIG_MODULE_SIG=y
CONFIG_MODULE_SIG_ALL=y
CONFIG_MODULE_SIG_KEY="{KEY_PATH}"
"""
HOW_TO_MAKE = (
    "`openssl req -x509 -newkey rsa:4096 -nodes -days 36500 -subj '/CN=NAME modules' -addext "
    "basicConstraints=CA:FALSE -addext keyUsage=digitalSignature -keyout KEY -out KEY.crt`, then `cat KEY.crt >> KEY`"
)


class BadModuleKey(DistrobuildError):
    """The file cannot sign modules."""


class ThrowAwayModuleKey(DistrobuildError):
    """The configuration would have the kernel sign its modules by a key of this one build."""


def fragment(job: Job) -> tuple[Setting, ...]:
    """What the configuration of a kernel says that signs its modules by the job's key; nothing where there is none.

    Raises `BadModuleKey`.
    """
    if KEY not in job.inputs:
        return ()
    check_key(job)
    return parse_fragment(FRAGMENT, Path("module_key"))


def check_key(job: Job) -> None:
    """Raise `BadModuleKey` unless the job's key is an RSA key with a certificate of its own."""
    content = job.inputs[KEY].read_bytes()
    try:
        key = serialization.load_pem_private_key(content, password=None)
        certificate = x509.load_pem_x509_certificate(content)
    except (ValueError, TypeError) as error:  # TypeError: the key has a passphrase
        raise BadModuleKey(f"the key of the modules cannot be read: {error}", hint=HOW_TO_MAKE) from error
    if not isinstance(key, RSAPrivateKey):
        raise BadModuleKey("the key of the modules is no RSA key", hint=HOW_TO_MAKE)
    if key.public_key() != certificate.public_key():
        raise BadModuleKey("the certificate beside the key of the modules is that of another key", hint=HOW_TO_MAKE)


def check_configuration(config: Mapping[str, str]) -> None:
    """Raise `ThrowAwayModuleKey` where kbuild would make a key: its default is the name of a file that it makes."""
    if config.get("MODULE_SIG_KEY", "").strip('"') == "certs/signing_key.pem":
        raise ThrowAwayModuleKey(
            "CONFIG_MODULE_SIG_KEY is kbuild's default: a key would be made, and no two builds would be equal",
            hint='name a key by `module_key`, or ask in a fragment for `CONFIG_MODULE_SIG_KEY=""` and '
            "`# CONFIG_MODULE_SIG_ALL is not set`",
        )


def sign(job: Job, headers: str, config: Mapping[str, str], module: str) -> None:
    """Sign a module by the job's key, as the kernel with these headers and this configuration takes it.

    `headers` and `module` are paths in the sandbox.
    """
    digest = config["MODULE_SIG_HASH"].strip('"')
    job.sandbox.run([f"{headers}/scripts/sign-file", digest, KEY_PATH, KEY_PATH, module])
