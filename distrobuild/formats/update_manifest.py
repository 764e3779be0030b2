"""The manifest of an update payload: which blocks of the new /usr stand where in the payload, and what must come out.

The messages are those of Flatcar's update_engine (`update_metadata.proto`), a fork of Chrome OS': field numbers and
their order are its. Of the four kinds of operation a full update uses two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from distrobuild.formats.protobuf_wire import BadMessage, decode, encode

BLOCK_SIZE = 4096
SPARSE_HOLE = (1 << 64) - 1
"""As a start block: what is written there goes nowhere."""


class Kind(IntEnum):
    """What an operation does with its data; MOVE and BSDIFF need the version before."""

    REPLACE = 0
    REPLACE_BZ = 1
    """The data is compressed by bzip2."""
    MOVE = 2
    BSDIFF = 3


class ProcedureType(IntEnum):
    """What, besides the partition, is installed."""

    KERNEL = 0
    PCR_POLICY = 1


@dataclass(frozen=True)
class Operation:
    """Write data to blocks. `offset` counts from the manifest's end, `length` is that of the stored data, in bytes."""

    kind: int
    offset: int
    length: int
    extents: tuple[tuple[int, int], ...]
    """First block and number of blocks of each run."""
    sha256: bytes = b""
    """Of the stored data."""

    def encode(self) -> bytes:
        """As a message."""
        extents = [(6, encode([(1, start), (2, count)])) for start, count in self.extents]
        head = [(1, self.kind), (2, self.offset), (3, self.length)]
        return encode([*head, *extents, (8, self.sha256 or None)])

    @classmethod
    def decode(cls, message: bytes) -> Operation:
        """From a message. Raises `BadMessage`."""
        fields = _Fields(message)
        extents = [_Fields(each) for each in fields.messages(6)]
        return cls(
            fields.number(1),
            fields.number(2),
            fields.number(3),
            tuple((extent.number(1), extent.number(2)) for extent in extents),
            fields.content(8),
        )


@dataclass(frozen=True)
class Info:
    """What must come out: size in bytes, SHA-256."""

    size: int
    sha256: bytes

    def encode(self) -> bytes:
        """As a message."""
        return encode([(1, self.size), (2, self.sha256)])

    @classmethod
    def decode(cls, message: bytes) -> Info:
        """From a message. Raises `BadMessage`."""
        fields = _Fields(message)
        return cls(fields.number(1), fields.content(2))


@dataclass(frozen=True)
class Procedure:
    """How a file besides the partition is installed: the kernel."""

    type: int
    operations: tuple[Operation, ...]
    result: Info | None

    def encode(self) -> bytes:
        """As a message."""
        operations = [(2, operation.encode()) for operation in self.operations]
        return encode([(1, self.type), *operations, (4, self.result.encode() if self.result else None)])

    @classmethod
    def decode(cls, message: bytes) -> Procedure:
        """From a message. Raises `BadMessage`."""
        fields = _Fields(message)
        operations = tuple(Operation.decode(each) for each in fields.messages(2))
        return cls(fields.number(1), operations, _info(fields, 4))


@dataclass(frozen=True)
class Manifest:
    """The whole manifest. The signatures' offset counts, as all do, from the manifest's end."""

    operations: tuple[Operation, ...]
    procedures: tuple[Procedure, ...]
    result: Info | None
    signatures_offset: int | None
    signatures_size: int | None
    block_size: int = BLOCK_SIZE

    def encode(self) -> bytes:
        """As a message, with what only old versions of update_engine look at."""
        fields: list[tuple[int, int | bytes | None]] = [(1, operation.encode()) for operation in self.operations]
        fields += [(2, operation.encode()) for operation in self._for_old_versions()]
        fields += [(3, self.block_size), (4, self.signatures_offset), (5, self.signatures_size)]
        fields += [(9, self.result.encode() if self.result else None)]
        fields += [(10, procedure.encode()) for procedure in self.procedures]
        return encode(fields)

    @classmethod
    def decode(cls, message: bytes) -> Manifest:
        """From a message. Raises `BadMessage`."""
        fields = _Fields(message)
        return cls(
            tuple(Operation.decode(each) for each in fields.messages(1)),
            tuple(Procedure.decode(each) for each in fields.messages(10)),
            _info(fields, 9),
            fields.number(4) if 4 in fields.values else None,
            fields.number(5) if 5 in fields.values else None,
            fields.number(3, BLOCK_SIZE),
        )

    @property
    def all_operations(self) -> tuple[Operation, ...]:
        """The operations of the partition and of the procedures, in the order of their data."""
        return (*self.operations, *(each for procedure in self.procedures for each in procedure.operations))

    def _for_old_versions(self) -> Iterable[Operation]:
        """Operations that throw away what an update_engine without procedures would not expect in the data."""
        for procedure in self.procedures:
            for each in procedure.operations:
                yield Operation(Kind.REPLACE, each.offset, each.length, _hole(each.length), each.sha256)
        if self.signatures_offset is not None and self.signatures_size is not None:
            yield Operation(Kind.REPLACE, self.signatures_offset, self.signatures_size, _hole(self.signatures_size))


@dataclass(frozen=True)
class Signature:
    """One signature over everything that stands before the signatures. `version` says who looks at it."""

    version: int
    data: bytes


def encode_signatures(signatures: Iterable[Signature]) -> bytes:
    """The message `Signatures`."""
    return encode([(1, encode([(1, each.version), (2, each.data)])) for each in signatures])


def decode_signatures(message: bytes) -> tuple[Signature, ...]:
    """From the message `Signatures`. Raises `BadMessage`."""
    found = [_Fields(each) for each in _Fields(message).messages(1)]
    return tuple(Signature(fields.number(1), fields.content(2)) for fields in found)


class _Fields:
    """The fields of a message by number. Of a field that should be there once the last counts, as everywhere."""

    def __init__(self, message: bytes) -> None:
        self.values: dict[int, list[int | bytes]] = {}
        for number, value in decode(message):
            self.values.setdefault(number, []).append(value)

    def number(self, field: int, default: int = 0) -> int:
        match self.values.get(field):
            case None:
                return default
            case [*_, int(value)]:
                return value
            case _:
                raise BadMessage(f"field {field} of the message should be a number")

    def content(self, field: int) -> bytes:
        return self.messages(field)[-1] if field in self.values else b""

    def messages(self, field: int) -> list[bytes]:
        found = [value for value in self.values.get(field, []) if isinstance(value, bytes)]
        if len(found) != len(self.values.get(field, [])):
            raise BadMessage(f"field {field} of the message should not be a number")
        return found


def _info(fields: _Fields, field: int) -> Info | None:
    return Info.decode(fields.content(field)) if field in fields.values else None


def _hole(size: int) -> tuple[tuple[int, int], ...]:
    return ((SPARSE_HOLE, -(-size // BLOCK_SIZE)),)
