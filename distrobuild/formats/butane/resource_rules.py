"""Rules for what Ignition fetches, and for how it does so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from distrobuild.formats.butane import url
from distrobuild.formats.butane.fields import CONFIG, HTTP_HEADER, PROXY, RESOURCE, TLS, VERIFICATION
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.schema import Struct, Version
from distrobuild.formats.butane.section import Section

HASHES = {"sha256": 64, "sha512": 128}
"""Hexadecimal digits of each hash."""
WEB = ("http", "https")


def rules(version: Version) -> dict[Struct, Callable[[Section, Report], None]]:
    """The rules of one version, which decides on the schemes."""
    return {
        RESOURCE: partial(_resource, version=version),
        VERIFICATION: _verification,
        HTTP_HEADER: _header,
        CONFIG: partial(_required, name="merge"),
        TLS: partial(_required, name="certificate_authorities"),
        PROXY: _proxy,
    }


def _resource(resource: Section, report: Report, version: Version) -> None:
    source = resource.text("source")
    if resource.text("compression") not in (None, "", "gzip"):
        report.error(resource.at("compression"), "invalid compression method", "it is `gzip`, or nothing")
    verification = resource.section("verification")
    if verification.text("hash") is not None and source is None:
        report.error(verification.at("hash"), "source must be specified if verification is specified")
    if wrong := url.problem(source or "", version):
        report.error(resource.at("source"), wrong.text, wrong.hint)
    if resource.sections("http_headers"):
        _headers(resource, source, report)


def _headers(resource: Section, source: str | None, report: Report) -> None:
    scheme = url.scheme(source) if source else None
    if scheme is None:
        report.error(resource.at("http_headers"), url.UNREADABLE, "headers need a `source` they are sent to")
    elif scheme not in WEB:
        report.error(
            resource.at("http_headers"),
            "cannot use HTTP headers with this source scheme",
            "they are sent by `http` and `https` only",
        )


def _required(parent: Section, report: Report, name: str) -> None:
    for resource in parent.sections(name):
        if not resource.text("source"):
            report.error(resource.origin, "source is required", "give one of inline, local, source")


def _verification(verification: Section, report: Report) -> None:
    value = verification.text("hash")
    if value is None:
        return
    name, dash, digits = value.partition("-")
    if not dash:
        report.error(verification.at("hash"), "malformed hash specifier", "write `sha256-...` or `sha512-...`")
    elif name not in HASHES:
        report.error(verification.at("hash"), "unrecognized hash function", f"known: {', '.join(HASHES)}")
    elif len(digits.encode()) != HASHES[name]:
        expected = f"{name} has {HASHES[name]} digits, here are {len(digits)}"
        report.error(verification.at("hash"), "incorrect size for hash sum", expected)


def _header(header: Section, report: Report) -> None:
    if not header.text("name"):
        report.error(header.at("name"), "HTTP header name can't be empty")
    if header.text("value") == "":
        report.error(header.at("value"), "unable to parse HTTP header", "leave `value` out to send no such header")


def _proxy(proxy: Section, report: Report) -> None:
    for name in ("http_proxy", "https_proxy"):
        value = proxy.text(name)
        if value is None:
            continue
        scheme = url.scheme(value)
        if scheme is None:
            report.error(proxy.at(name), url.UNREADABLE)
        elif scheme not in WEB:
            report.error(proxy.at(name), "proxies must be http(s)", "write it as `http://HOST:PORT`")
        elif (name, scheme) == ("https_proxy", "http"):
            report.warning(proxy.at(name), "insecure plaintext HTTP proxy specified for HTTPS resources")
