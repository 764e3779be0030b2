"""Pieces of a Portage repository's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats import ebuild


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", '"plain words"'),
        ('say "hello"', r'"say \"hello\""'),
        ("costs $5", r'"costs \$5"'),
        ("`date`", r'"\`date\`"'),
        ("back\\slash", r'"back\\slash"'),
    ],
)
def test_a_text_comes_out_of_bash_as_it_went_in(text: str, expected: str) -> None:
    assert ebuild.quoted(text) == expected


def test_a_manifest_has_size_and_both_digests_of_every_file_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.tar.xz").write_bytes(b"")
    (tmp_path / "a.tar.xz").write_bytes(b"abc")
    first, second = ebuild.manifest(tmp_path.iterdir()).splitlines()
    # The digests of `abc`: RFC 7693, appendix A, and FIPS 180-4's example.
    assert first == (
        "DIST a.tar.xz 3 BLAKE2B "
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923 SHA512 "
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )
    assert second.startswith("DIST b.tar.xz 0 BLAKE2B 786a02f742")


def test_nothing_to_fetch_needs_no_manifest() -> None:
    assert ebuild.manifest([]) == ""
