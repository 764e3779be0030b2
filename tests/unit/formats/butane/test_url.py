"""What Ignition fetches from. The answers are those of `ignition-validate` 2.14.0, in groups."""

from __future__ import annotations

import pytest

from distrobuild.formats.butane.fields import SECOND
from distrobuild.formats.butane.schema import FIRST
from distrobuild.formats.butane.url import UNREADABLE, problem

GOOD = [
    "", "http://", "http:///x", "http://a/b c", "HTTP://a/b", "http://a:99999/", "http://a/?%zz", "s3://", "gs://b/o",
    "tftp://h:69/f", "http://[::1]:80/x", "http://u:p@h/x", "http:opaque", "http://[fe80::1%25en0]/", "http://a/b#c d",
    "http://ä/", "http://h/%00", "http://a@b@c/", "s3://b/k?versionId=a", "s3://b/k?versionid=", "http:?%zz",
    "data:,", "data:,a%20b", "data:;base64,", "data:;base64,YQ==", "data:text/plain,abc",
    "data:text/plain;charset=utf-8,a", "data:;charset=utf-8;base64,YQ==", "data:;foo=bar,abc",
    'data:text/plain;charset="a b",x', "data:text/,x",
]  # fmt: skip
UNREADABLE_URLS = [
    "http://a b/", "htt p://x", "http://a:port/", "http://a/%zz", "http://%zz/", "http://a\x01", "http://[::1/x",
    "http://u ser@h/", ":x", "1http://a", "http://a/\n", "http://a/#%zz", "http://a^b/", "http://a|b/", "http://a%41/",
    "http://[::1]:x/", "http://h/%", "http:/%zz", "data:,\n", "http://u<@h/",
]  # fmt: skip
UNKNOWN = ["oem:///x", "//a/b", "/a", "a", "a:b", "?a:b", "a/b:c", "#", "file:///etc/motd"]
BAD_DATA = [
    "data:", "data:x", "data:,%4", "data:,%zz", "data:;base64,a", "data:;base64,YQ",
    "data:;base64,Y Q==", "data:text,abc",
    "data:;foo,abc", "data:,a b", "data:,é", "data:;base64,%59%51%3D%3D", "data:;base64;x=y,YQ==", "data:text/plain;,q",
    "data:/plain,x", "data:;=b,x", 'data:;a="x,q', "DATA:,x", "data:TEXT/plain,x", "data:;base64", "data:,a#b",
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_what_ignition_takes_is_taken(url: str) -> None:
    assert problem(url, FIRST) is None


@pytest.mark.parametrize("url", UNREADABLE_URLS)
def test_what_ignition_cannot_read_is_refused(url: str) -> None:
    found = problem(url, FIRST)
    assert found is not None
    assert found.text == UNREADABLE


@pytest.mark.parametrize("url", UNKNOWN)
def test_a_scheme_that_ignition_does_not_know_is_refused(url: str) -> None:
    found = problem(url, FIRST)
    assert found is not None
    assert found.text == "invalid url scheme"


@pytest.mark.parametrize("url", BAD_DATA)
def test_data_that_ignition_cannot_decode_is_refused(url: str) -> None:
    found = problem(url, FIRST)
    assert found is not None
    assert found.text.startswith("invalid data URL")


@pytest.mark.parametrize(
    "url", ["s3://b/k?versionId=", "s3://b/k?versionId", "s3://b/k?a=%zz&versionId=", "arn:aws:s3:::b/k?versionId="]
)
def test_an_empty_version_of_an_object_is_refused(url: str) -> None:
    found = problem(url, SECOND)
    assert found is not None
    assert found.text == "invalid S3 object VersionId"


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("arn:aws:s3:::bucket/key", True),
        ("arn:aws:s3:us-west-1:123456789012:accesspoint/test/object/a", True),
        ("arn:aws:s3:::bucket", False),
        ("arn:aws:s3:us-west-1:123456789012:accesspoint/test", False),
        ("arn:aws:iam:us-west-1:123456789012:resource", False),
        ("arn:x", False),
    ],
)
def test_arns_name_an_object_of_s3(url: str, right: bool) -> None:
    found = problem(url, SECOND)
    assert (found is None) is right
    assert right or (found is not None and found.text == "invalid S3 ARN format")


def test_flatcars_own_scheme_is_explained() -> None:
    found = problem("oem:///x", FIRST)
    assert found is not None
    assert "Flatcar" in (found.hint or "")
