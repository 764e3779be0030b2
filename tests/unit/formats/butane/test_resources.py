"""Contents become the shortest data URL that holds them, and Ignition gets back exactly what was given."""

from __future__ import annotations

import base64
import gzip
import random
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distrobuild.formats.butane.resources import GZIP, data_url
from tests.unit.formats.butane.configs import found, ignition, messages

FIXTURES = Path(__file__).parent / "fixtures" / "files"
NOISE = random.Random(1).randbytes(4000)


def contents(body: str, files_dir: Path | None = None) -> dict[str, str]:
    (file,) = ignition(body, files_dir)["storage"]["files"]
    return dict(file["contents"])


def decoded(url: str, compression: str | None) -> bytes:
    """What Ignition makes of a data URL."""
    kind, data = url.split(",", 1)
    assert kind in ("data:", "data:;base64")
    raw = base64.b64decode(data, validate=True) if kind.endswith("base64") else unquote_to_bytes(data)
    return gzip.decompress(raw) if compression == GZIP else raw


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.integers(1, 40))
@settings(deadline=None, derandomize=True)
def test_what_goes_in_comes_out(data: bytes, times: int) -> None:
    encoded = data_url(data * times, None)
    assert decoded(encoded.url, encoded.compression) == data * times


@pytest.mark.parametrize(
    ("data", "begins", "compression"),
    [
        (b"", "data:,", ""),
        (b"hello world", "data:,hello%20world", ""),
        (b"AZaz09-_.!~*'()", "data:,AZaz09-_.!~*'()", ""),
        (b"a/", "data:,a%2F", ""),
        (bytes(range(20)), "data:;base64,AAEC", ""),
        (b"%" * 9, "data:;base64,JSUlJ", ""),
        (b"x" * 400, "data:;base64,H4sIAAAAAAAC/", "gzip"),
        (NOISE, "data:;base64,", ""),
    ],
)
def test_the_shortest_encoding_is_chosen(data: bytes, begins: str, compression: str) -> None:
    encoded = data_url(data, None)
    assert encoded.url.startswith(begins)
    assert encoded.compression == compression


def test_percent_encoding_wins_where_base64_is_as_long() -> None:
    assert len(",%25%25%25%25%25") == len(";base64,JSUlJSU=")
    assert data_url(b"%" * 5, None).url == "data:,%25%25%25%25%25"


def test_gzip_has_to_save_more_than_the_word_that_names_it_and_what_go_adds() -> None:
    # A row of `x` deflates to 6 bytes. With Go's 23 around them that is 40 characters of base64, 8 of `;base64,` and 4
    # of `gzip`; percent-encoded it has a comma before it. Our own gzip, 5 bytes shorter, would pay from 44 on.
    assert data_url(b"x" * 51, None).compression == ""
    assert data_url(b"x" * 52, None).compression == GZIP


def test_the_same_contents_are_compressed_to_the_same_bytes() -> None:
    packed = base64.b64decode(data_url(b"line\n" * 500, None).url.removeprefix("data:;base64,"))
    assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    assert data_url(b"line\n" * 500, None) == data_url(b"line\n" * 500, None)


def test_contents_that_are_compressed_already_are_only_encoded() -> None:
    body = f"storage: {{files: [{{path: /a, contents: {{inline: '{'x' * 400}', compression: gzip}}}}]}}"
    assert contents(body) == {"compression": "gzip", "source": f"data:,{'x' * 400}"}


def test_an_empty_compression_is_none() -> None:
    body = f"storage: {{files: [{{path: /a, contents: {{inline: '{'x' * 400}', compression: ''}}}}]}}"
    assert contents(body)["compression"] == "gzip"


def test_a_source_stays_as_it_is_without_a_compression() -> None:
    assert contents("storage: {files: [{path: /a, contents: {source: 'http://a/b'}}]}") == {"source": "http://a/b"}


def test_a_local_file_is_read_byte_by_byte() -> None:
    result = contents("storage: {files: [{path: /a, contents: {local: bin.dat}}]}", FIXTURES)
    assert decoded(result["source"], result["compression"]) == (FIXTURES / "bin.dat").read_bytes()


def test_a_large_local_file_is_compressed() -> None:
    result = contents("storage: {files: [{path: /a, contents: {local: subdir/../big.txt}}]}", FIXTURES)
    assert result["compression"] == "gzip"
    assert decoded(result["source"], "gzip") == (FIXTURES / "big.txt").read_bytes()


def test_a_leading_slash_means_the_files_directory() -> None:
    assert contents("storage: {files: [{path: /a, contents: {local: /motd.txt}}]}", FIXTURES) == contents(
        "storage: {files: [{path: /a, contents: {local: motd.txt}}]}", FIXTURES
    )


@pytest.mark.parametrize("place", ["storage: {luks: [{name: a, device: /dev/a, key_file: RESOURCE}]}",
                                   "storage: {files: [{path: /a, append: [RESOURCE]}]}",
                                   "ignition: {config: {merge: [RESOURCE], replace: RESOURCE}}",
                                   "ignition: {security: {tls: {certificate_authorities: [RESOURCE]}}}"])  # fmt: skip
def test_every_resource_is_embedded(place: str) -> None:
    text = str(ignition(place.replace("RESOURCE", "{inline: secret}")))
    assert "{'compression': '', 'source': 'data:,secret'}" in text
    assert "inline" not in text


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ("../motd.txt", "local file path traverses outside the files directory"),
        ("subdir/../../files2", "local file path traverses outside the files directory"),
        ("none", f"{FIXTURES / 'none'}: No such file or directory"),
        ("subdir", f"{FIXTURES / 'subdir'}: Is a directory"),
        ('"a\\0b"', "a file name has no NUL character"),
    ],
)
def test_a_local_file_that_cannot_be_had_is_an_error_at_its_name(local: str, text: str) -> None:
    body = f"storage: {{files: [{{path: /a, overwrite: true, contents: {{local: {local}}}}}]}}"
    assert found(body, FIXTURES) == [("error", "storage.files.0.contents.local", text)]


def test_without_a_files_directory_nothing_is_read() -> None:
    (message,) = messages("storage: {files: [{path: /a, contents: {local: motd.txt}}]}")
    assert "must be specified with --files-dir" in message.text


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("inline: a, source: 'data:,b'", "source"),
        ("local: a, inline: b", "inline"),
        ("local: a, source: 'data:,b'", "source"),
        ("source: 'data:,b', inline: a, local: c", "source"),
        ("inline: '', source: ''", "source"),
    ],
)
def test_contents_come_from_one_place_only(given: str, at: str) -> None:
    assert found(f"storage: {{files: [{{path: /a, contents: {{{given}}}}}]}}", FIXTURES) == [
        ("error", f"storage.files.0.contents.{at}", "only one of the following can be set: inline, local, source")
    ]


def test_keys_of_local_files_follow_those_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "windows").write_bytes(b"c\r\n\r\nd e f")
    body = "passwd: {users: [{name: core, ssh_authorized_keys: [a], ssh_authorized_keys_local: [windows]}]}"
    assert ignition(body, tmp_path, "1.1.0")["passwd"]["users"][0]["sshAuthorizedKeys"] == ["a", "c", "d e f"]


def test_a_key_that_stands_twice_points_at_its_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a\n")
    body = "passwd: {users: [{name: core, ssh_authorized_keys: [a], ssh_authorized_keys_local: [keys, none]}]}"
    assert found(body, tmp_path, "1.1.0") == [
        ("error", "passwd.users.0.ssh_authorized_keys_local.0", "duplicate entry defined"),
        ("error", "passwd.users.0.ssh_authorized_keys_local.1", f"{tmp_path / 'none'}: No such file or directory"),
    ]


def test_units_and_dropins_come_from_local_files() -> None:
    body = """\
systemd:
  units:
    - name: a.service
      contents_local: svc.service
      dropins: [{name: b.conf, contents_local: svc.service}]
"""
    text = (FIXTURES / "svc.service").read_text()
    assert ignition(body, FIXTURES, "1.1.0")["systemd"]["units"] == [
        {"contents": text, "dropins": [{"contents": text, "name": "b.conf"}], "name": "a.service"}
    ]


def test_a_unit_that_is_no_text_is_refused() -> None:
    (message,) = messages("systemd: {units: [{name: a.service, contents_local: bin.dat}]}", FIXTURES, "1.1.0")
    assert message.text == "bin.dat is not UTF-8 text (byte 0)"


@pytest.mark.parametrize(
    "unit",
    [
        "{name: a.service, contents: '', contents_local: x}",
        "{name: a.service, dropins: [{name: a.conf, contents: '', contents_local: x}]}",
    ],
)
def test_a_unit_has_its_contents_from_one_place_only(unit: str) -> None:
    (message,) = messages(f"systemd: {{units: [{unit}]}}", FIXTURES, "1.1.0")
    assert message.text == "only one of the following can be set: contents, contents_local"
    assert message.dotted.endswith(".contents_local")


def test_what_is_wrong_with_a_local_unit_points_at_the_name_of_its_file() -> None:
    body = "systemd: {units: [{name: a.service, enabled: true, contents_local: motd.txt}]}"
    (message,) = messages(body, FIXTURES, "1.1.0")
    assert (message.severity, message.dotted) == ("warning", "$.systemd.units.0.contents_local")
