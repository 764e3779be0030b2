"""What apt says when packages cannot be installed, as typed errors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from distrobuild.errors import DistrobuildError
from distrobuild.formats.deb_repository import BinaryPackage
from distrobuild.sandbox.sandbox import ProgramFailed


class PackageNotFound(DistrobuildError):
    """A package was asked for that neither the base's lock nor the project's repository has."""


class UnmetDependencies(DistrobuildError):
    """apt finds no set of packages that fits together."""


def check_names(names: Iterable[str], packages: Iterable[BinaryPackage]) -> None:
    """Raise `PackageNotFound` with every name that no package has or provides."""
    known = set()
    for package in packages:
        provided = re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)", package.control.get("Provides", ""))
        known |= {package.name, *provided}
    missing = [name for name in names if name not in known]
    if missing:
        raise PackageNotFound(
            f"neither the base nor this project has a package {', '.join(f'`{name}`' for name in missing)}",
            hint="look at `install` and `packages` in the manifest; after a change there, `distrobuild lock`",
        )


def explain(error: ProgramFailed) -> DistrobuildError:
    """apt's words as a typed error, where they say what is missing; otherwise the program's failure itself."""
    lines = [line.strip() for line in error.tail]
    found = re.compile(r"E: Unable to locate package (\S+)|E: Package '(\S+)' has no installation candidate")
    missing = [match[1] or match[2] for line in lines if (match := found.search(line))]
    if missing:
        return PackageNotFound(f"the base has no package {', '.join(f'`{name}`' for name in missing)}")
    header = "The following packages have unmet dependencies:"
    if header in lines:
        after = lines[lines.index(header) + 1 :]
        unmet = [line for line in after if re.match(r"\S+ : |(Depends|PreDepends|Conflicts|Breaks): ", line)]
        return UnmetDependencies("packages do not fit together:\n" + "\n".join(f"  {line}" for line in unmet))
    return error
