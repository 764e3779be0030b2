"""The wire format of Protocol Buffers, as much as small messages of numbers and bytes need.

Format: https://protobuf.dev/programming-guides/encoding. Written by hand because the one message that distrobuild makes
(`update_manifest`) has a dozen fields: a generated module and its runtime would be larger than this, and tied to each
other's version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from distrobuild.errors import DistrobuildError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the two for groups are not used any more."""
MAX = (1 << 64) - 1


class BadMessage(DistrobuildError):
    """Bytes that are no message."""


def encode(fields: Iterable[tuple[int, int | bytes | None]]) -> bytes:
    """A message of these fields, number and value, in their order: numbers as varint, bytes (and messages) with length.

    A field of None is left out.
    """
    return b"".join(_field(number, value) for number, value in fields if value is not None)


def decode(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, number and value, in their order; fixed numbers come as bytes. Raises `BadMessage`."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _read_varint(message, at)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise BadMessage(f"field {number} of the message has the unknown wire type {kind}")
        if length > len(message) - at:
            raise BadMessage(f"field {number} of the message goes on behind its end")
        yield number, message[at : at + length]
        at += length


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    if not 0 <= value <= MAX:
        raise BadMessage(f"{value} does not fit into an unsigned number of 64 bits")
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at this byte, and where the next thing is."""
    value = 0
    for shift, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            if value > MAX:
                break
            return value, at + shift + 1
    raise BadMessage(f"there is no whole number at byte {at} of the message")
