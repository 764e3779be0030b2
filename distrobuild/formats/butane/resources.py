"""Contents in the config itself (`inline`) or in a local file (`local`) become a data URL, the shortest there is."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from distrobuild.formats.butane.local_files import LocalFileError, LocalFiles
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.section import Section

UNESCAPED = "-_.!~*'()"
"""What stands for itself in a data URL beside letters and digits (RFC 2396, section 2.3)."""
GZIP = "gzip"
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""RFC 1952: deflate, no name, no time, slowest compression, unknown system."""
GO_OVERHEAD = 18 + 5
"""Bytes that Go adds to the deflated ones: header, checksum and length as everybody, and an empty last block."""


@dataclass(frozen=True)
class DataUrl:
    """Contents as a URL; `compression` is what Ignition must undo, None: what the config says about it stands."""

    url: str
    compression: str | None


def data_url(contents: bytes, compression: str | None) -> DataUrl:
    """The shortest of percent-encoding, base64, and base64 of gzip, in this order where two are equally long.

    Contents for which the config gives a `compression` are compressed already, and are only encoded.
    """
    # urllib leaves `_.-~` alone whatever `safe` says, which is a part of UNESCAPED.
    shortest = f",{quote_from_bytes(contents, safe=UNESCAPED)}"
    encoded = f";base64,{base64.b64encode(contents).decode()}"
    if len(encoded) < len(shortest):
        shortest = encoded
    if compression:
        return DataUrl(f"data:{shortest}", None)
    deflated = _deflate(contents)
    # The length is reckoned as Go's, so that the choice is Butane's: 4 characters for every 3 bytes begun, and the
    # word `gzip` that has to be written as well.
    length = len(";base64,") + -(-(len(deflated) + GO_OVERHEAD) // 3) * 4 + len(GZIP)
    if length < len(shortest):
        return DataUrl(f"data:;base64,{base64.b64encode(_gzip(contents, deflated)).decode()}", GZIP)
    # Never left out: a config that is merged over one with a compressed file would inherit its compression.
    return DataUrl(f"data:{shortest}", "")


def embed(resource: Section, local_files: LocalFiles, report: Report) -> None:
    """Turn `inline` or `local` of a resource into `source` and `compression`."""
    inline, local = resource.text("inline"), resource.text("local")
    name = "inline" if inline is not None else "local"
    origin = resource.at(name)
    resource.drop("inline")
    resource.drop("local")
    if resource.text("source") is not None or (inline is None and local is None):
        return
    contents = b""
    if inline is not None:
        contents = inline.encode()
    elif local is not None:
        try:
            contents = local_files.read(local)
        except LocalFileError as error:
            report.error(origin, error.message, error.hint)
    encoded = data_url(contents, resource.text("compression"))
    resource.set("source", encoded.url, origin)
    if encoded.compression is not None:
        resource.set("compression", encoded.compression, origin)


def _deflate(contents: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(contents) + compressor.flush()


def _gzip(contents: bytes, deflated: bytes) -> bytes:
    return GZIP_HEADER + deflated + struct.pack("<II", zlib.crc32(contents), len(contents) & 0xFFFFFFFF)
