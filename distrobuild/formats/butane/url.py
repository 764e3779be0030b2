"""Which URLs Ignition fetches from, by its published specification; what makes one unreadable is what Go's parser says.

What Go's parser says was found by asking `ignition-validate` 2.14.0; `tests/unit/formats/butane` has the answers.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from distrobuild.formats.butane.schema import FIRST, Version

SCHEMES = ("http", "https", "tftp", "s3", "gs", "data")
SCHEMES_OF_SECOND = (*SCHEMES, "arn")
UNREADABLE = "unable to parse url"
OEM_HINT = "Flatcar's own Ignition knows `oem://`; the specification and Butane do not"

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(.*)", re.DOTALL)
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?#]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?:\[[^#%/?@\\^`{|}\] ]*(?:%25[^/?#\]]*)?\]|[^%:\\^`{|}\[\] ]*)(?::[0-9]*)?")
_VERSION_ID = re.compile(r"(?:^|&)versionId(?:=([^&]*))?(?:&|$)")
_TOKEN = r"[^\x00-\x20\x7f\"()/:;<=>?@\[\],\\]"
_DATA = re.compile(
    rf"(?:[a-z]+/{_TOKEN}*)?"
    rf"(?:;{_TOKEN}+=(?:\"[^\"]*\"|{_TOKEN}+))*"
    r"(;base64)?,([A-Za-z0-9\-_.!~*'();/?:@&=+$,%]*)"
)
_ARN = re.compile(r"arn:[^:/]+:s3:[^:]*:[^:]*:(?:accesspoint[/:][^/]+/.*|(?!accesspoint[/:])[^/]+/.+)", re.DOTALL)


@dataclass(frozen=True)
class Wrong:
    """Why Ignition does not take a URL."""

    text: str
    hint: str | None = None


def problem(url: str, version: Version) -> Wrong | None:
    """What is wrong with the source of a resource; an empty one is none, and not wrong."""
    name = scheme(url)
    known = SCHEMES if version == FIRST else SCHEMES_OF_SECOND
    if not url:
        return None
    if name is None:
        return Wrong(UNREADABLE)
    if name not in known:
        later = f"`{name}` needs `version: 1.1.0`" if name in SCHEMES_OF_SECOND else f"known: {', '.join(known)}"
        return Wrong("invalid url scheme", OEM_HINT if name == "oem" else later)
    return _data_problem(url) if name == "data" else _object_problem(url, name)


def scheme(url: str) -> str | None:
    """The scheme in lower case, empty where there is none; None if the URL cannot be read."""
    url, _, fragment = url.partition("#")
    if _CONTROL.search(url) or _BAD_ESCAPE.search(fragment):
        return None
    found = _SCHEME.fullmatch(url)
    rest = found[2] if found else url
    path = rest.partition("?")[0]
    if not found and ":" in path.partition("/")[0]:
        return None
    if found and not rest.startswith("/"):
        return found[1].lower()
    if found and path.startswith("//"):
        authority, _, path = path[2:].partition("/")
        user, _, host = authority.rpartition("@")
        if not _USER.fullmatch(user) or not _HOST.fullmatch(host):
            return None
    if _BAD_ESCAPE.search(path):
        return None
    return found[1].lower() if found else ""


def _object_problem(url: str, name: str) -> Wrong | None:
    """What is wrong with an object of S3; other schemes have no rules of their own."""
    url, _, query = url.partition("#")[0].partition("?")
    if name == "arn" and not _ARN.fullmatch(url):
        return Wrong("invalid S3 ARN format", "write `arn:aws:s3:::BUCKET/KEY`, or name an access point")
    if name in ("s3", "arn") and (found := _VERSION_ID.search(query)) and not found[1]:
        return Wrong("invalid S3 object VersionId", "give the version, or leave `versionId` out")
    return None


def _data_problem(url: str) -> Wrong | None:
    """RFC 2397, as far as Ignition's library follows it."""
    # The scheme may be written in capitals everywhere but here.
    found = _DATA.fullmatch(url.removeprefix("data:")) if url.startswith("data:") else None
    if found is None:
        return Wrong(
            "invalid data URL",
            "data:[TYPE/SUBTYPE][;NAME=VALUE][;base64],DATA, escaped by `%XX`; or write it as `inline`",
        )
    if found[1]:
        try:
            base64.b64decode(found[2], validate=True)
        except binascii.Error:
            return Wrong("invalid data URL: its data is not base64")
    elif _BAD_ESCAPE.search(found[2]):
        return Wrong("invalid data URL: `%` stands before two hexadecimal digits", "write `%25` for `%` itself")
    return None
