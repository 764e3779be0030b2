"""Keys that sign modules, as `module_key` of a kernel names them: a private key and a certificate in one PEM file."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def write_key(
    path: Path, key: PrivateKey, certified: PrivateKey | None = None, passphrase: bytes | None = None
) -> Path:
    """Write the key, and a certificate of it or of the key `certified`."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "modules of a test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    owner = certified or key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(owner.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .sign(owner, hashes.SHA256())
    )
    secrecy = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secrecy)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
