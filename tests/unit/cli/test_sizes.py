from __future__ import annotations

import click
import pytest

from distrobuild.cli.sizes import parse_size
from distrobuild.cli.view import size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("4096", 4096),
        ("512M", 512 << 20),
        ("30g", 30 << 30),
        ("1.5T", 3 << 39),
        ("12 KiB", 12 << 10),
        ("7 B", 7),
    ],
)
def test_a_size_has_a_binary_unit_or_none(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("count", [17, 3 << 10, 108 << 20, 3 << 30])
def test_what_is_printed_can_be_given_back(count: int) -> None:
    assert parse_size(size(count)) == count


@pytest.mark.parametrize("text", ["", "G", "-1G", "30 GB", "1e9", "30G ", "1.", "\u0663G"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write `30G`"):
        parse_size(text)
