"""Let gpgv judge a detached OpenPGP signature, for every stage that has something signed among its inputs."""

from __future__ import annotations

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job

INPUTS = {
    "signature": "the detached OpenPGP signature",
    "keyring": "public keys whose signature is accepted, armoured or not",
}
"""What a stage declares that checks one."""
ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
"""How an armoured keyring begins (RFC 9580, section 6.2); gpgv reads none."""


class BadSignature(DistrobuildError):
    """The signature does not fit the file, or its key is not in the keyring."""


def check_signature(job: Job, file: str, name: str, signature: str = "/inputs/signature") -> None:
    """Check `file`, which messages call `name`, by `signature` and the job's keyring. Raises `BadSignature`.

    Both are paths in the sandbox.

    gpgv trusts every key of the keyring, also one that has expired (gpgv(1)): an old release stays valid.
    """
    keyring = "/inputs/keyring"
    try:
        if ARMOUR in job.inputs["keyring"].read_bytes():
            job.sandbox.run(["gpg", "--quiet", "--dearmor", "--output", "/work/keyring.gpg", keyring])
            keyring = "/work/keyring.gpg"
        job.sandbox.run(["gpgv", "--keyring", keyring, signature, file])
    except ProgramFailed as error:
        raise BadSignature(f"{name}: " + " ".join(error.tail), hint="do not build from it") from error
