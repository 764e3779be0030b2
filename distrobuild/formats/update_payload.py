"""The update payload of Flatcar's update_engine: a whole /usr and its kernel, signed by RSA. Made and checked here.

    `CrAU`, version and length of the manifest (64 bits each, big-endian), the manifest (`update_manifest`),
    the data of its operations one behind the other, the signatures

What is written, and every check of the reader, follows update_engine's `delta_diff_generator.cc`,
`payload_processor.cc` and `payload_signer.cc`: data without gaps in the order of the operations, the signatures right
behind it, PKCS #1 v1.5 over the SHA-256 of all that stands before them, in the signature of version 2.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import struct
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from distrobuild.errors import DistrobuildError
from distrobuild.formats.protobuf_wire import BadMessage
from distrobuild.formats.update_manifest import (
    BLOCK_SIZE,
    Info,
    Kind,
    Manifest,
    Operation,
    Procedure,
    ProcedureType,
    Signature,
    decode_signatures,
    encode_signatures,
)

MAGIC = b"CrAU"
VERSION = 1
HEADER = struct.Struct(">4sQQ")
CHUNK = 1 << 20
"""Bytes of the image in one operation, as in update_engine's own full payloads."""
WORTHWHILE = 0.99
"""Share of its size to which deflate must bring a piece for bzip2 to be tried."""
SIGNATURE_VERSION = 2
"""The only one that update_engine looks at."""
MIN_KEY_BITS = 2048
MAX_DATA = 0xFFFFFFFF
"""An operation's offset has 32 bits."""
MAX_MANIFEST = 64 << 20
"""Bytes; one for a full gigabyte has 70 kB."""


class CannotMakePayload(DistrobuildError):
    """An image or a key of which no payload can be made."""


class InvalidPayload(DistrobuildError):
    """A file that is no payload, or one that update_engine would give up on."""


class UnsignedPayload(InvalidPayload):
    """A payload without signature."""


class WrongSignature(InvalidPayload):
    """A payload that was changed after it was signed, or signed with another key."""


@dataclass(frozen=True)
class PayloadDigest:
    """What an update server says of a payload: bytes, and raw digests of the whole file."""

    size: int
    sha1: bytes
    sha256: bytes


def write_payload(
    payload: Path, partition: Path, kernel: Path | None, key: RSAPrivateKey, *, workers: int = 1
) -> PayloadDigest:
    """Make the payload that installs the image `partition` and the file `kernel`.

    The same input gives the same bytes; `workers` threads compress. Data is collected in the payload's folder first,
    which needs room for it twice. Raises `CannotMakePayload`.
    """
    if key.key_size < MIN_KEY_BITS:
        raise CannotMakePayload(f"the key has {key.key_size} bits, at least {MIN_KEY_BITS} are needed")
    if (size := partition.stat().st_size) % BLOCK_SIZE or not size:
        raise CannotMakePayload(f"{partition} has {size} bytes, which are not whole blocks of {BLOCK_SIZE}")
    with tempfile.TemporaryFile(dir=payload.parent) as data, ThreadPoolExecutor(workers) as pool:
        operations, result = _add_file(data, partition, pool, workers)
        procedures: tuple[Procedure, ...] = ()
        if kernel:
            procedures = (Procedure(ProcedureType.KERNEL, *_add_file(data, kernel, pool, workers)),)
        room = len(_signatures(bytes(key.key_size // 8)))
        manifest = Manifest(operations, procedures, result, data.tell(), room).encode()
        data.seek(0)
        with payload.open("wb") as file:
            return _write_signed(file, manifest, data, key)


@dataclass(frozen=True)
class Payload:
    """A payload whose signature and structure were found good. Made by `read_payload`."""

    path: Path
    manifest: Manifest
    data_start: int
    """Byte of the file at which the operations' data begins."""

    def extract(self, partition: BinaryIO, kernel: BinaryIO | None = None) -> None:
        """Write what the payload installs to files or devices, open to write and read; their old content is replaced.

        Raises `InvalidPayload` when something else comes out than the manifest says; what was written is then useless.
        """
        assert self.manifest.result is not None  # read_payload has seen to it
        with self.path.open("rb") as file:
            self._install(file, partition, self.manifest.operations, self.manifest.result)
            for procedure in self.manifest.procedures:
                if procedure.type == ProcedureType.KERNEL and kernel and procedure.result:
                    self._install(file, kernel, procedure.operations, procedure.result)
                    kernel.truncate(procedure.result.size)

    def _install(self, file: BinaryIO, output: BinaryIO, operations: tuple[Operation, ...], result: Info) -> None:
        blocks = -(-result.size // BLOCK_SIZE)
        for operation in operations:
            file.seek(self.data_start + operation.offset)
            content = memoryview(_unpacked(operation, file.read(operation.length)))
            for start, count in operation.extents:
                if start + count > blocks:
                    raise InvalidPayload(f"{self.path} writes block {start + count - 1} of {blocks}")
                output.seek(start * BLOCK_SIZE)
                output.write(content[: count * BLOCK_SIZE])
                content = content[count * BLOCK_SIZE :]
        output.seek(0)
        if _digest(output, result.size) != result.sha256:
            raise InvalidPayload(f"what {self.path} installs is not what it says: the SHA-256 differs")


def read_payload(path: Path, key: RSAPublicKey) -> Payload:
    """Open a payload and check everything but the data's content against the manifest, which `extract` does.

    Raises `UnsignedPayload`, `WrongSignature`, and `InvalidPayload` for all that update_engine would not take.
    """
    with path.open("rb") as file:
        manifest, data_start = _read_manifest(file, path)
        offset, size = manifest.signatures_offset, manifest.signatures_size
        if not offset or not size:
            raise UnsignedPayload(f"{path} is not signed", hint="only a payload signed with the update key is taken")
        if (end := file.seek(0, io.SEEK_END)) != data_start + offset + size:
            raise InvalidPayload(f"{path} has {end} bytes, and its manifest says {data_start + offset + size}")
        file.seek(data_start + offset)
        _check_signature(file.read(size), path, key, _digest_from_start(file, data_start + offset))
    _check_manifest(manifest, path)
    return Payload(path, manifest, data_start)


def _add_file(
    data: BinaryIO, source: Path, pool: ThreadPoolExecutor, workers: int
) -> tuple[tuple[Operation, ...], Info]:
    """Append a file's content in pieces; the operations that write them, and what comes out."""
    operations: list[Operation] = []
    whole, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        # A few pieces at a time: a thread that waits for its turn must not hold half of the image.
        while pieces := [piece for _ in range(2 * workers) if (piece := file.read(CHUNK))]:
            for piece, (kind, stored) in zip(pieces, pool.map(_packed, pieces), strict=True):
                extent = (size // BLOCK_SIZE, -(-len(piece) // BLOCK_SIZE))
                digest = hashlib.sha256(stored).digest()
                operations.append(Operation(kind, data.tell(), len(stored), (extent,), digest))
                whole.update(piece)
                size += len(piece)
                data.write(stored)
                if data.tell() > MAX_DATA:
                    raise CannotMakePayload(f"{source}: a payload has room for 4 GiB of compressed data")
    if not size:
        raise CannotMakePayload(f"{source} is empty")
    return tuple(operations), Info(size, whole.digest())


def _packed(piece: bytes) -> tuple[Kind, bytes]:
    """A piece as it is stored: compressed where that makes it smaller."""
    if piece == _EMPTY:
        return Kind.REPLACE_BZ, _EMPTY_PACKED
    # A squashfs and a kernel are compressed already: bzip2 needs 0.2 s for a MiB to find that out, deflate a tenth.
    if len(zlib.compress(piece, 1)) < WORTHWHILE * len(piece) and len(packed := bz2.compress(piece)) < len(piece):
        return Kind.REPLACE_BZ, packed
    return Kind.REPLACE, piece


_EMPTY = bytes(CHUNK)
_EMPTY_PACKED = bz2.compress(_EMPTY)
"""Most of a slot is empty."""


def _unpacked(operation: Operation, stored: bytes) -> bytes:
    """The content of whole blocks that an operation writes. Raises `InvalidPayload`."""
    if hashlib.sha256(stored).digest() != operation.sha256:
        raise InvalidPayload(f"the data at {operation.offset} of the payload is not what its operation says")
    room = sum(count for _, count in operation.extents) * BLOCK_SIZE
    content = stored
    if operation.kind == Kind.REPLACE_BZ:
        try:
            content = bz2.BZ2Decompressor().decompress(stored, max_length=room + 1)
        except (OSError, EOFError) as error:
            raise InvalidPayload(f"the data at {operation.offset} of the payload is not bzip2's: {error}") from None
    if not room - BLOCK_SIZE < len(content) <= room:
        raise InvalidPayload(f"the data at {operation.offset} of the payload does not fill its {room} bytes of blocks")
    return content.ljust(room, b"\0")


def _signatures(signature: bytes) -> bytes:
    return encode_signatures([Signature(SIGNATURE_VERSION, signature)])


def _write_signed(file: BinaryIO, manifest: bytes, data: BinaryIO, key: RSAPrivateKey) -> PayloadDigest:
    sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0

    def write(content: bytes) -> None:
        nonlocal size
        sha1.update(content)
        sha256.update(content)
        size += file.write(content)

    write(HEADER.pack(MAGIC, VERSION, len(manifest)))
    write(manifest)
    for piece in iter(lambda: data.read(CHUNK), b""):
        write(piece)
    write(_signatures(key.sign(sha256.digest(), PKCS1v15(), Prehashed(SHA256()))))
    return PayloadDigest(size, sha1.digest(), sha256.digest())


def _read_manifest(file: BinaryIO, path: Path) -> tuple[Manifest, int]:
    """The manifest, and the byte behind it."""
    head = file.read(HEADER.size)
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        raise InvalidPayload(f"{path} is no update payload: it does not begin with `{MAGIC.decode()}`")
    _, version, length = HEADER.unpack(head)
    if version != VERSION:
        raise InvalidPayload(f"{path} has the format {version}; Flatcar knows {VERSION} only")
    if length > MAX_MANIFEST or len(content := file.read(length)) < length:
        raise InvalidPayload(f"{path} was cut off, or damaged: its manifest should have {length} bytes")
    try:
        return Manifest.decode(content), HEADER.size + length
    except BadMessage as error:
        raise InvalidPayload(f"{path} has a damaged manifest: {error.message}") from None


def _check_signature(message: bytes, path: Path, key: RSAPublicKey, digest: bytes) -> None:
    try:
        signatures = [each.data for each in decode_signatures(message) if each.version == SIGNATURE_VERSION]
    except BadMessage as error:
        raise WrongSignature(f"{path} has damaged signatures: {error.message}") from None
    if not signatures:
        raise WrongSignature(f"{path} has no signature of version {SIGNATURE_VERSION}")
    try:
        key.verify(signatures[0], digest, PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        raise WrongSignature(
            f"the signature of {path} does not fit", hint="it was signed with another key, or changed afterwards"
        ) from None


def _check_manifest(manifest: Manifest, path: Path) -> None:
    if manifest.block_size != BLOCK_SIZE:
        raise InvalidPayload(f"{path} has blocks of {manifest.block_size} bytes, not {BLOCK_SIZE}")
    if manifest.result is None or any(procedure.result is None for procedure in manifest.procedures):
        raise InvalidPayload(f"{path} does not say what comes out of it")
    expected = 0
    for operation in manifest.all_operations:
        if operation.kind not in (Kind.REPLACE, Kind.REPLACE_BZ):
            raise InvalidPayload(f"{path} is no full update: one of its operations needs the version before")
        if operation.offset != expected:
            raise InvalidPayload(f"{path} has data at {operation.offset} where {expected} should be next")
        expected += operation.length
    if expected != manifest.signatures_offset:
        raise InvalidPayload(f"{path} has its signatures at {manifest.signatures_offset}, its data ends at {expected}")


def _digest_from_start(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return _digest(file, size)


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the next `size` bytes."""
    digest = hashlib.sha256()
    for piece in _pieces(file, size):
        digest.update(piece)
    return digest.digest()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (piece := file.read(min(size, CHUNK))):
        size -= len(piece)
        yield piece
