"""Which files a kernel module and those that it needs stand in: the index that depmod writes.

Formats: modules.dep(5) (a module, a colon, and every module that it needs) and `modules.builtin` of the kernel's build
(Documentation/kbuild/kbuild.rst), both with paths below /usr/lib/modules/RELEASE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from distrobuild.errors import DistrobuildError

FILE = re.compile(r"([^/]+)\.ko(\.(gz|xz|zst))?$")


class UnknownModules(DistrobuildError):
    """The kernel has no module of that name, or has it built in."""


@dataclass(frozen=True)
class ModuleIndex:
    """The modules of one kernel."""

    needs: dict[str, tuple[str, ...]]
    """File of each module to the files of all that it needs."""
    built_in: frozenset[str]
    """Names of what is part of the kernel itself."""

    @property
    def names(self) -> frozenset[str]:
        """Every module."""
        return frozenset(map(module_name, self.needs))

    def files(self, names: Iterable[str]) -> list[str]:
        """The files of these modules and of all that they need, sorted. Raises `UnknownModules` with all mistakes."""
        by_name = {module_name(file): file for file in self.needs}
        found: set[str] = set()
        problems = []
        for name in names:
            wanted = name.replace("-", "_")
            if wanted in by_name:
                found |= {by_name[wanted], *self.needs[by_name[wanted]]}
            elif wanted in self.built_in:
                problems.append(f"`{name}` is built into the kernel")
            else:
                problems.append(f"the kernel has no module `{name}`")
        if problems:
            raise UnknownModules(
                "; ".join(problems), hint="a configuration fragment with `CONFIG_...=m` makes a module"
            )
        return sorted(found)

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The same files, each behind those that it needs."""
        # What a module needs is written down with all that this needs in turn (modules.dep(5)): it is always more.
        return sorted(self.files(names), key=lambda file: len(self.needs[file]))


def read_index(dependencies: str, built_in: str) -> ModuleIndex:
    """The index in the files `modules.dep` and `modules.builtin`."""
    needs = {file: tuple(others.split()) for file, _, others in _lines(dependencies)}
    return ModuleIndex(needs, frozenset(module_name(line.strip()) for line in built_in.splitlines() if line.strip()))


def module_name(file: str) -> str:
    """`nf_tables` for `kernel/net/netfilter/nf_tables.ko.zst`; the kernel takes `-` in a file's name for `_`."""
    match = FILE.search(file)
    return (match[1] if match else file.rpartition("/")[2]).replace("-", "_")


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in text.splitlines() if ":" in line)
