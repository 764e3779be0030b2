"""The word behind `--base`."""

from __future__ import annotations

import pytest

from distrobuild.manifest.base import HostBase, InvalidBase, parse_base
from distrobuild.manifest.targets import Base
from distrobuild.manifest.values import DistributionName

GOOD = {
    "debian:trixie": Base(distribution=DistributionName.DEBIAN, suite="trixie"),
    "ubuntu:noble": Base(distribution=DistributionName.UBUNTU, suite="noble"),
    "ubuntu:a-suite-to-come": Base(distribution=DistributionName.UBUNTU, suite="a-suite-to-come"),
    "host": HostBase(),
}
BAD = {
    "trixie": ("`trixie` is not a base", "did you mean `debian:trixie`?"),
    "nobel": ("`nobel` is not a base", "did you mean `ubuntu:noble`?"),
    "ubuntu-noble": ("`ubuntu-noble` is not a base", "did you mean `ubuntu:noble`?"),
    "ubuntu": (
        "`ubuntu` is not a base",
        "write DISTRIBUTION:SUITE, for example `debian:trixie` or `ubuntu:noble`, or `host`",
    ),
    "": ("`` is not a base", "write DISTRIBUTION:SUITE, for example `debian:trixie` or `ubuntu:noble`, or `host`"),
    "debain:trixie": ("base `debain:trixie`: there is no distribution `debain`", "did you mean `debian`?"),
    "fedora:42": (
        "base `fedora:42`: there is no distribution `fedora`",
        "the distributions there are: `debian`, `ubuntu`",
    ),
    "ubuntu:trixie": (
        "base `ubuntu:trixie`: `trixie` is a suite of debian, not of ubuntu",
        "did you mean `debian:trixie`?",
    ),
    "debian:Trixie!": (
        "base `debian:Trixie!`: `Trixie!` is not a name",
        "lower-case letters, digits, `+`, `.` and `-`, beginning with a letter or a digit",
    ),
}


@pytest.mark.parametrize("text", GOOD)
def test_a_base_is_read(text: str) -> None:
    assert parse_base(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_base_is_told_with_what_was_probably_meant(text: str) -> None:
    with pytest.raises(InvalidBase) as caught:
        parse_base(text)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (*BAD[text], 2)
