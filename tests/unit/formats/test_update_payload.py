"""Update payloads: made and signed as update_engine wants them, and refused where it would refuse them."""

from __future__ import annotations

import bz2
import hashlib
import io
import os
import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from distrobuild.formats.update_manifest import (
    Info,
    Kind,
    Manifest,
    Operation,
    Signature,
    decode_signatures,
    encode_signatures,
)
from distrobuild.formats.update_payload import (
    CannotMakePayload,
    InvalidPayload,
    PayloadDigest,
    UnsignedPayload,
    WrongSignature,
    read_payload,
    write_payload,
)

USR = os.urandom((1 << 20) + 8192) + bytes(2 << 20) + b"".join(b"%08d" % number for number in range(1536))
"""Pieces that are kept, compressed, empty, and short."""
KERNEL = os.urandom(1 << 20) + b"".join(b"%05d" % number for number in range(1000)) + b"!"
Change = Callable[[Manifest, bytes], tuple[Manifest, bytes]]


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, key: RSAPrivateKey) -> Path:
    """A payload beside what it was made of."""
    folder = tmp_path_factory.mktemp("payload")
    (folder / "usr").write_bytes(USR)
    (folder / "kernel").write_bytes(KERNEL)
    write_payload(folder / "update", folder / "usr", folder / "kernel", key)
    return folder / "update"


@pytest.fixture
def payload(tmp_path: Path, original: Path) -> Path:
    """The payload, to be changed."""
    return Path(shutil.copyfile(original, tmp_path / "update"))


def parts(payload: Path) -> tuple[Manifest, bytes]:
    """The manifest, and the data without the signatures."""
    content = payload.read_bytes()
    (length,) = struct.unpack(">Q", content[12:20])
    manifest = Manifest.decode(content[20 : 20 + length])
    return manifest, content[20 + length :][: manifest.signatures_offset]


def forge(payload: Path, change: Change, key: RSAPrivateKey) -> None:
    """Change manifest or data of a payload and sign it again."""
    manifest, data = change(*parts(payload))
    message = manifest.encode()
    content = struct.pack(">4sQQ", b"CrAU", 1, len(message)) + message + data
    payload.write_bytes(content + encode_signatures([Signature(2, key.sign(content, PKCS1v15(), SHA256()))]))


def extract(payload: Path, key: RSAPrivateKey) -> tuple[bytes, bytes]:
    usr, kernel = io.BytesIO(), io.BytesIO(b"an older and longer kernel" * 50000)
    read_payload(payload, key.public_key()).extract(usr, kernel)
    return usr.getvalue(), kernel.getvalue()


def test_what_comes_out_is_what_went_in(payload: Path, key: RSAPrivateKey) -> None:
    assert extract(payload, key) == (USR, KERNEL)


def test_a_piece_is_compressed_only_if_that_makes_it_smaller(payload: Path) -> None:
    manifest, data = parts(payload)
    kinds = [each.kind for each in manifest.operations]
    assert kinds == [Kind.REPLACE, Kind.REPLACE_BZ, Kind.REPLACE_BZ, Kind.REPLACE_BZ]
    second = manifest.operations[1]
    assert bz2.decompress(data[second.offset : second.offset + second.length]) == USR[1 << 20 : 2 << 20]


def test_the_header_is_flatcars_and_the_signature_ends_the_file(payload: Path, key: RSAPrivateKey) -> None:
    content = payload.read_bytes()
    assert content[:12] == b"CrAU\0\0\0\0\0\0\0\1"
    manifest, _ = parts(payload)
    assert manifest.signatures_size is not None
    (signature,) = decode_signatures(content[-manifest.signatures_size :])
    assert (signature.version, len(signature.data)) == (2, 256)
    key.public_key().verify(signature.data, content[: -manifest.signatures_size], PKCS1v15(), SHA256())


def test_the_answer_has_what_an_update_server_says(tmp_path: Path, key: RSAPrivateKey) -> None:
    (tmp_path / "usr").write_bytes(bytes(4096))
    digest = write_payload(tmp_path / "update", tmp_path / "usr", None, key)
    content = (tmp_path / "update").read_bytes()
    sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
    assert digest == PayloadDigest(len(content), sha1, hashlib.sha256(content).digest())


def test_the_same_input_gives_the_same_bytes_with_any_number_of_workers(
    original: Path, tmp_path: Path, key: RSAPrivateKey
) -> None:
    write_payload(tmp_path / "again", original.with_name("usr"), original.with_name("kernel"), key, workers=3)
    assert (tmp_path / "again").read_bytes() == original.read_bytes()


def test_a_piece_that_bzip2_would_make_larger_is_kept(tmp_path: Path, key: RSAPrivateKey) -> None:
    (tmp_path / "usr").write_bytes(bytes(4096))
    (tmp_path / "kernel").write_bytes(b"a" * 20)
    write_payload(tmp_path / "update", tmp_path / "usr", tmp_path / "kernel", key)
    (procedure,) = parts(tmp_path / "update")[0].procedures
    assert [(each.kind, each.length) for each in procedure.operations] == [(Kind.REPLACE, 20)]


@pytest.mark.parametrize(("offset", "size"), [(None, None), (1, None), (None, 264), (1, 0)])
def test_an_unsigned_payload_is_refused(
    payload: Path, key: RSAPrivateKey, offset: int | None, size: int | None
) -> None:
    manifest, data = parts(payload)
    message = replace(manifest, signatures_offset=offset, signatures_size=size).encode()
    payload.write_bytes(struct.pack(">4sQQ", b"CrAU", 1, len(message)) + message + data)
    with pytest.raises(UnsignedPayload, match="is not signed"):
        read_payload(payload, key.public_key())


def test_a_payload_signed_by_another_key_is_refused(payload: Path) -> None:
    with pytest.raises(WrongSignature, match="signed with another key"):
        read_payload(payload, generate_private_key(65537, 2048).public_key())


@pytest.mark.parametrize("offset", [25, -300, -2])
def test_a_payload_that_was_changed_after_signing_is_refused(payload: Path, key: RSAPrivateKey, offset: int) -> None:
    """In the manifest (the first operation's offset), in the data, in the signature."""
    content = bytearray(payload.read_bytes())
    content[offset] ^= 1
    payload.write_bytes(content)
    with pytest.raises(InvalidPayload):
        read_payload(payload, key.public_key())


def test_only_the_signature_of_version_2_counts(payload: Path, key: RSAPrivateKey) -> None:
    content = payload.read_bytes()
    manifest, _ = parts(payload)
    size = manifest.signatures_size or 0
    (signature,) = decode_signatures(content[-size:])
    payload.write_bytes(content[:-size] + encode_signatures([replace(signature, version=1)]))
    with pytest.raises(WrongSignature, match="no signature of version 2"):
        read_payload(payload, key.public_key())


def test_signatures_that_are_no_message_are_refused(payload: Path, key: RSAPrivateKey) -> None:
    manifest, _ = parts(payload)
    content = payload.read_bytes()
    payload.write_bytes(content[: -(manifest.signatures_size or 0)] + b"\xff" * (manifest.signatures_size or 0))
    with pytest.raises(WrongSignature, match="damaged signatures"):
        read_payload(payload, key.public_key())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no update payload"),
        (b"\x1f\x8b" + bytes(100), "no update payload"),
        (struct.pack(">4sQQ", b"CrAU", 2, 0), "format 2"),
        (struct.pack(">4sQQ", b"CrAU", 1, 100) + bytes(99), "was cut off"),
        (struct.pack(">4sQQ", b"CrAU", 1, 1 << 60), "was cut off, or damaged"),
        (struct.pack(">4sQQ", b"CrAU", 1, 2) + b"\x0a\x05", "damaged manifest"),
    ],
)
def test_a_file_that_is_no_payload_is_refused(tmp_path: Path, key: RSAPrivateKey, content: bytes, message: str) -> None:
    (tmp_path / "update").write_bytes(content)
    with pytest.raises(InvalidPayload, match=message):
        read_payload(tmp_path / "update", key.public_key())


@pytest.mark.parametrize("change", [-1, 1])
def test_a_payload_that_is_too_short_or_too_long_is_refused(payload: Path, key: RSAPrivateKey, change: int) -> None:
    content = payload.read_bytes()
    payload.write_bytes(content[:change] if change < 0 else content + b"x")
    with pytest.raises(InvalidPayload, match="its manifest says"):
        read_payload(payload, key.public_key())


def first(manifest: Manifest, **changes: object) -> Manifest:
    """The manifest with another first operation."""
    operation: Operation = replace(manifest.operations[0], **changes)  # type: ignore[arg-type]
    return replace(manifest, operations=(operation, *manifest.operations[1:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest, data: (first(manifest, kind=Kind.BSDIFF), data), "no full update"),
        (lambda manifest, data: (first(manifest, offset=1), data), "data at 1 where 0 should be next"),
        (lambda manifest, data: (replace(manifest, operations=manifest.operations[::-1]), data), "should be next"),
        (lambda manifest, data: (replace(manifest, procedures=()), data), "signatures at .* its data ends at"),
        (lambda manifest, data: (replace(manifest, result=None), data), "does not say what comes out"),
        (lambda manifest, data: (replace(manifest, block_size=512), data), "blocks of 512 bytes"),
    ],
)
def test_what_update_engine_would_give_up_on_is_refused_though_signed(
    payload: Path, key: RSAPrivateKey, change: Change, message: str
) -> None:
    forge(payload, change, key)
    with pytest.raises(InvalidPayload, match=message):
        read_payload(payload, key.public_key())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest, data: (manifest, b"\0" + data[1:]), "data at 0 of the payload is not what"),
        (lambda manifest, data: (first(manifest, extents=((0, 255),)), data), "does not fill its 1044480 bytes"),
        (lambda manifest, data: (first(manifest, extents=((0, 257),)), data), "does not fill its 1052672 bytes"),
        (lambda manifest, data: (first(manifest, extents=((700, 256),)), data), "writes block 955 of"),
        (lambda manifest, data: (first(manifest, kind=Kind.REPLACE_BZ), data), "is not bzip2's"),
        (lambda manifest, data: (replace(manifest, result=Info(len(USR), bytes(32))), data), "SHA-256 differs"),
    ],
)
def test_a_manifest_that_does_not_fit_its_data_is_found_when_it_is_installed(
    payload: Path, key: RSAPrivateKey, change: Change, message: str
) -> None:
    forge(payload, change, key)
    with pytest.raises(InvalidPayload, match=message):
        extract(payload, key)


def test_data_that_unpacks_to_more_than_its_blocks_is_not_unpacked(payload: Path, key: RSAPrivateKey) -> None:
    """A few bytes of bzip2 can be gigabytes of zeros."""
    bomb = bz2.compress(bytes(8 << 20))

    def change(manifest: Manifest, data: bytes) -> tuple[Manifest, bytes]:
        digest = hashlib.sha256(bomb).digest()
        operation = Operation(Kind.REPLACE_BZ, 0, len(bomb), ((0, 1),), digest)
        return replace(manifest, operations=(operation,), procedures=(), signatures_offset=len(bomb)), bomb

    forge(payload, change, key)
    checked = read_payload(payload, key.public_key())
    tracemalloc.start()
    try:
        with pytest.raises(InvalidPayload, match="does not fill its 4096 bytes"):
            checked.extract(io.BytesIO())
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_image_that_is_not_whole_blocks_is_refused(tmp_path: Path, key: RSAPrivateKey) -> None:
    for content in (b"", b"x" * 4097):
        (tmp_path / "usr").write_bytes(content)
        with pytest.raises(CannotMakePayload, match=f"has {len(content)} bytes"):
            write_payload(tmp_path / "update", tmp_path / "usr", None, key)


def test_an_empty_kernel_is_refused(tmp_path: Path, key: RSAPrivateKey) -> None:
    (tmp_path / "usr").write_bytes(bytes(4096))
    (tmp_path / "kernel").write_bytes(b"")
    with pytest.raises(CannotMakePayload, match="kernel is empty"):
        write_payload(tmp_path / "update", tmp_path / "usr", tmp_path / "kernel", key)
    assert not (tmp_path / "update").exists()


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "usr").write_bytes(bytes(4096))
    with pytest.raises(CannotMakePayload, match="1024 bits"):
        write_payload(tmp_path / "update", tmp_path / "usr", None, generate_private_key(65537, 1024))


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_finds_the_signature_good(payload: Path, key: RSAPrivateKey) -> None:
    content = payload.read_bytes()
    manifest, _ = parts(payload)
    size = manifest.signatures_size or 0
    (signature,) = decode_signatures(content[-size:])
    files = {name: payload.with_name(name) for name in ("key", "signature", "signed")}
    files["key"].write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    files["signature"].write_bytes(signature.data)
    files["signed"].write_bytes(content[:-size])
    command = ["openssl", "dgst", "-sha256", "-verify", str(files["key"]), "-signature", str(files["signature"])]
    subprocess.run([*command, str(files["signed"])], check=True, capture_output=True)
