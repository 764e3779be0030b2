"""Put the tree of a system extension into a disk image that its maker has signed.

The image has three partitions: the file system, its dm-verity hash tree, and the signature of the root hash
(Discoverable Partitions Specification, "verity-sig"). systemd-repart makes all of it from the definitions that it
brings for extensions (systemd-repart(8), --make-ddi=), without root, mount or loop device.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from distrobuild.errors import DistrobuildError
from distrobuild.formats.disk_layout import derived_guid
from distrobuild.stages.stage import Job

MAKE_FILESYSTEM = {
    "SYSTEMD_REPART_MKFS_OPTIONS_EROFS": "-zlz4hc,12 -C65536",
    "SYSTEMD_REPART_MKFS_OPTIONS_SQUASHFS": "-comp zstd -all-root -no-progress -quiet",
}
"""What systemd-repart gives mkfs.erofs and mksquashfs (docs/ENVIRONMENT.md of systemd)."""
UNPACK = ("tar", "--extract", "--file=/work/tree.tar", "--directory=/work/tree", "--numeric-owner")


class BadExtensionKey(DistrobuildError):
    """Key and certificate cannot sign an extension."""


def write_signed(job: Job, output: str, filesystem: str, identity: str) -> None:
    """Make a signed image /out/`output` of /work/tree.tar by the inputs `key` and `certificate`.

    `filesystem` is `squashfs` or `erofs`; the image's GUIDs are made of `identity`. Raises `BadExtensionKey`.
    """
    _check(job)
    (job.work / "tree" / "opt").mkdir(parents=True)  # systemd-repart asks for both hierarchies
    job.sandbox.run(UNPACK)
    job.sandbox.run(
        [
            "systemd-repart",
            "--offline=yes",
            "--no-pager",
            f"--seed={derived_guid(identity, 'sysext')}",
            "--private-key=/inputs/key",
            "--certificate=/inputs/certificate",
            "--make-ddi=sysext",
            "--copy-source=/work/tree",
            f"/out/{output}",
        ],
        environment={**MAKE_FILESYSTEM, "SYSTEMD_REPART_OVERRIDE_FSTYPE": filesystem},
    )


def _check(job: Job) -> None:
    """Raise `BadExtensionKey` unless the key is RSA, whose signature is the same each time, and the certificate's."""
    hint = "`openssl req -x509 -newkey rsa:3072 -nodes -keyout KEY -out CERTIFICATE -subj /CN=NAME` makes both"
    try:
        key = serialization.load_pem_private_key(job.inputs["key"].read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(job.inputs["certificate"].read_bytes())
    except (ValueError, TypeError) as error:  # TypeError: the key has a passphrase
        raise BadExtensionKey(f"key or certificate of the extension cannot be read: {error}", hint=hint) from error
    if not isinstance(key, RSAPrivateKey):
        raise BadExtensionKey("the key of the extension is no RSA key", hint=hint)
    if key.public_key() != certificate.public_key():
        raise BadExtensionKey("the certificate of the extension is that of another key", hint=hint)
