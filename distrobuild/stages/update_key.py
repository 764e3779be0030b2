"""The key that updates are signed with: the manifest's, or one that is made here and stays in the store.

A machine takes an update if it fits the public key that its own /usr brought along. With a key made here, machines of
this store's images take updates of this store's builds, and the image differs from that of another store by the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from distrobuild.release.update_signing import read_key
from distrobuild.stages.stage import Job, Options, Stage

BITS = 2048
"""Flatcar's update keys have as many."""
PUBLIC = "public.pem"
PRIVATE = "private.pem"


class UpdateKeyOptions(Options):
    """Where the key comes from."""

    given: bool
    """Whether the manifest names one, which is the input `key`; otherwise one is made."""


class UpdateKeyStage(Stage[UpdateKeyOptions]):
    """A private key, or none -> its public half; a private key only if it was made here."""

    kind: ClassVar[str] = "update-key"
    inputs: ClassVar[Mapping[str, str]] = {"key": "RSA private key in PEM, without passphrase; only if one is given"}
    outputs: Mapping[str, str] = {PUBLIC: "the public key in PEM"}

    def __init__(self, options: UpdateKeyOptions) -> None:
        super().__init__(options)
        if not options.given:
            self.outputs = {**self.outputs, PRIVATE: "the private key in PEM"}

    def run(self, job: Job) -> None:
        """Write. Raises `BadUpdateKey`."""
        if self.options.given:
            key = read_key(job.inputs["key"])
        else:
            job.log("no update key in the manifest: making one for this store")
            key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
            _write_private(job.output / PRIVATE, key)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (job.output / PUBLIC).write_bytes(public)


def _write_private(path: Path, key: rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
