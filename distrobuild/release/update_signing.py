"""The private key that signs updates."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from distrobuild.errors import DistrobuildError
from distrobuild.formats.update_payload import MIN_KEY_BITS

HINT = f"make one by `openssl genrsa -out update.pem {MIN_KEY_BITS}`, and keep it: machines trust no other"


class BadUpdateKey(DistrobuildError):
    """The key in the manifest cannot sign updates."""


def read_key(path: Path) -> RSAPrivateKey:
    """Read an RSA private key in PEM without passphrase. Raises `BadUpdateKey`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except TypeError:
        raise BadUpdateKey("the update key has a passphrase, which nobody is there to type", hint=HINT) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadUpdateKey(f"the update key cannot be read: {error}", hint=HINT) from None
    if not isinstance(key, RSAPrivateKey):
        raise BadUpdateKey("the update key is not for RSA, which is all that update_engine knows", hint=HINT)
    if key.key_size < MIN_KEY_BITS:
        raise BadUpdateKey(f"the update key has {key.key_size} bits, at least {MIN_KEY_BITS} are needed", hint=HINT)
    return key
