"""The manifest of an update payload: the bytes that protoc makes of it, and damaged ones refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distrobuild.formats.protobuf_wire import BadMessage, decode, encode
from distrobuild.formats.update_manifest import (
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

MANIFEST = Manifest(
    operations=(
        Operation(Kind.REPLACE, 0, 4096, ((0, 1),), b"a" * 32),
        Operation(Kind.REPLACE_BZ, 4096, 45, ((1, 300),), b"b" * 32),
    ),
    procedures=(
        Procedure(
            ProcedureType.KERNEL,
            (Operation(Kind.REPLACE, 4141, 5000, ((0, 2),), b"c" * 32),),
            Info(5000, b"e" * 32),
        ),
    ),
    result=Info(1232896, b"d" * 32),
    signatures_offset=9141,
    signatures_size=264,
)
PROTOC = bytes.fromhex(
    "0a2f08001000188020320408001001422061616161616161616161616161616161616161616161616161616161616161610a300801108020"
    "182d3205080110ac02422062626262626262626262626262626262626262626262626262626262626262621239080010ad20188827320d08"
    "ffffffffffffffffff011002422063636363636363636363636363636363636363636363636363636363636363631217080010b547188802"
    "320d08ffffffffffffffffff01100118802020b5472888024a260880a04b1220646464646464646464646464646464646464646464646464"
    "6464646464646464525b08001230080010ad2018882732040800100242206363636363636363636363636363636363636363636363636363"
    "636363636363222508882712206565656565656565656565656565656565656565656565656565656565656565"
)
"""The same as text through `protoc --encode=chromeos_update_engine.DeltaArchiveManifest` (libprotoc 3.21.12)."""


def test_the_manifest_is_byte_for_byte_protocs() -> None:
    assert MANIFEST.encode() == PROTOC


def test_protocs_manifest_is_read() -> None:
    assert Manifest.decode(PROTOC) == MANIFEST


def test_unknown_fields_are_passed_over_as_protobuf_asks() -> None:
    unknown = encode([(99, 7), (100, b"new")]) + bytes([101 << 3 & 0x7F | 0x85, 6]) + b"\x01\x02\x03\x04"
    assert Manifest.decode(PROTOC + unknown) == MANIFEST


def test_an_unsigned_manifest_says_so() -> None:
    read = Manifest.decode(Manifest((), (), None, None, None).encode())
    assert (read.signatures_offset, read.signatures_size, read.result) == (None, None, None)


def test_signatures_are_read_as_written() -> None:
    signatures = (Signature(1, b"x" * 256), Signature(2, b"y" * 256))
    assert decode_signatures(encode_signatures(signatures)) == signatures
    assert encode_signatures(signatures[1:])[:8].hex() == "0a85020802128002"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("08", "no whole number at byte 1"),
        ("80", "no whole number at byte 0"),
        ("0affffffffffffffffff7f", "no whole number"),
        ("08ffffffffffffffffff02", "no whole number"),
        ("0a05abcd", "field 1 .* goes on behind its end"),
        ("0b", "unknown wire type 3"),
        ("0801", "field 1 .* should not be a number"),
        ("1a00", "field 3 .* should be a number"),
    ],
)
def test_a_damaged_message_is_refused(message: str, fault: str) -> None:
    with pytest.raises(BadMessage, match=fault):
        Manifest.decode(bytes.fromhex(message))


@pytest.mark.parametrize(
    ("value", "message"), [(0, "0800"), (127, "087f"), (128, "088001"), ((1 << 64) - 1, "08ffffffffffffffffff01")]
)
def test_numbers_have_seven_bits_a_byte(value: int, message: str) -> None:
    assert encode([(1, value)]).hex() == message
    assert list(decode(bytes.fromhex(message))) == [(1, value)]


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_a_number_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(BadMessage, match="64 bits"):
        encode([(1, value)])


@given(st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(0, (1 << 64) - 1) | st.binary())))
def test_any_fields_are_read_as_written(fields: list[tuple[int, int | bytes]]) -> None:
    assert list(decode(encode(fields))) == fields


@given(st.binary())
def test_any_bytes_are_a_message_or_refused(content: bytes) -> None:
    with contextlib.suppress(BadMessage):
        Manifest.decode(content)
