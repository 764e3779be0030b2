"""`--base`: another archive than the manifest names, as one word on the command line."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from distrobuild.errors import DistrobuildError
from distrobuild.manifest import suggestion
from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.targets import Base
from distrobuild.manifest.values import MEANINGS, NAME, DistributionName, Model

HOST_WORD: Final = "host"


class HostBase(Model):
    """The release that this machine runs, from the archive that its own apt reaches and trusts."""


class InvalidBase(DistrobuildError):
    """A `--base` that names no base."""

    exit_code = 2


def parse_base(text: str) -> Base | HostBase:
    """Read `debian:trixie` or `host`. Raises `InvalidBase`."""
    if text == HOST_WORD:
        return HostBase()
    distribution, colon, suite = text.partition(":")
    if not colon or not suite:
        raise InvalidBase(f"`{text}` is not a base", hint=_form_hint(text))
    try:
        name = DistributionName(distribution)
    except ValueError:
        hint = suggestion.hint(distribution, list(DistributionName), otherwise="the distributions there are")
        raise InvalidBase(f"base `{text}`: there is no distribution `{distribution}`", hint=hint) from None
    if problem := suite_problem(name, suite):
        raise InvalidBase(f"base `{text}`: {problem[0]}", hint=problem[1])
    try:
        return Base(distribution=name, suite=suite)
    except ValidationError:
        what, shape = MEANINGS[NAME]
        raise InvalidBase(f"base `{text}`: `{suite}` is not {what}", hint=shape) from None


def suite_problem(distribution: DistributionName, suite: str) -> tuple[str, str] | None:
    """Message and hint where `suite` is known to be one of another distribution."""
    for other, table in DISTRIBUTIONS.items():
        if other is not distribution and suite in table.suites:
            message = f"`{suite}` is a suite of {other}, not of {distribution}"
            return message, f"did you mean `{other}:{suite}`?"
    return None


def _form_hint(text: str) -> str:
    known = [f"{distribution}:{suite}" for distribution, table in DISTRIBUTIONS.items() for suite in table.suites]
    word = text.rstrip(":").casefold()
    for base in known:
        if word in (base.partition(":")[2], base.replace(":", "-"), base.replace(":", "/")):
            return f"did you mean `{base}`?"
    for base in known:
        if guess := suggestion.nearest(word, [base.partition(":")[2]]):
            return f"did you mean `{base.partition(':')[0]}:{guess}`?"
    return "write DISTRIBUTION:SUITE, for example `debian:trixie` or `ubuntu:noble`, or `host`"
