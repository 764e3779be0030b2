"""The lock of a selection: what it must hold, whether it is stale, and how it is made or refreshed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.lock import Lock, Request, Section
from distrobuild.manifest.models import AptSource
from distrobuild.manifest.package import Package, load_package, on_base
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.manifest.values import DistributionName
from distrobuild.plan import wheels
from distrobuild.plan.resolve import Resolver
from distrobuild.plan.selection import Selection
from distrobuild.stages.portage import WHEELS
from distrobuild.stages.tools import PROGRAMS

TOOLS = "tools"
PORTAGE = "tools/portage"
"""Name of the section with the wheels of Portage."""


class StaleLock(DistrobuildError):
    """The lock was made for something else than the manifest now asks for."""

    exit_code = 2


@dataclass(frozen=True)
class Wanted:
    """One section that the lock must hold: its request, and the archive's keyring where the manifest names one."""

    request: Request
    keyring: str | None


def image_section(selection: Selection) -> str:
    """Name of the section with the image's packages."""
    return f"{selection.name}/{selection.base_name}/{selection.flavour}"


def kernel_section(selection: Selection) -> str:
    """Name of the section with the kernel's source."""
    return f"kernel/{selection.target.kernel}"


def driver_section(selection: Selection, driver: str) -> str:
    """Name of the section with the source of a driver's modules."""
    return f"drivers/{driver}/{selection.base_name}"


def container_section(selection: Selection, name: str | None) -> str:
    """Name of the section with a container's packages; without a name, of what all containers are based on."""
    base = f"containers/{selection.name}/{selection.base_name}"
    return base if name is None else f"{base}/{name}"


def kernel_sections(selection: Selection) -> dict[str, Wanted]:
    """Every section that the selection's kernel by itself reads, if it has one: the tools, and the kernel's source."""
    sections = {TOOLS: _tools(selection)}
    if selection.kernel is not None and isinstance(source := selection.kernel.source, AptSource):
        tools = sections[TOOLS]
        request = tools.request.model_copy(
            update={
                "suite": source.suite or tools.request.suite,
                "install": (source.apt,),
                "dependencies": False,
                "check_valid_until": source.check_valid_until,
            }
        )
        sections[kernel_section(selection)] = Wanted(request, tools.keyring)
    return sections


def wanted_sections(selection: Selection) -> dict[str, Wanted]:
    """Every section that a build of the selection reads."""
    sections = kernel_sections(selection)
    if isinstance(selection.target, FlatcarTarget) and selection.target.ebuilds:
        suite = selection.manifest.tools.suite
        python = Request(distribution=wheels.DISTRIBUTION, suite=suite, snapshot=None, mirror=None, install=WHEELS)
        sections[PORTAGE] = Wanted(python, None)
    if selection.kernel is None or selection.target.base is None:
        return sections
    image = _archive_packages(selection, selection.contents.packages, selection.archive_packages, selection.components)
    sections[image_section(selection)] = image
    return sections | _driver_modules(selection) | _containers(selection)


def check(lock: Lock, sections: Mapping[str, Wanted]) -> list[str]:
    """Which of the sections the lock lacks. Raises `StaleLock` for those that are there but no longer fit."""
    missing = []
    changes: list[str] = []
    for name, wanted in sections.items():
        if name not in lock.sections:
            missing.append(name)
        else:
            changes += [f"{name}: {change}" for change in _changes(lock.sections[name].request, wanted.request)]
    if changes:
        raise StaleLock(
            "the lock is stale:\n" + "\n".join(f"  {change}" for change in changes),
            hint="`distrobuild lock` resolves what changed",
        )
    return missing


def make(
    lock: Lock,
    wanted_sections: Mapping[str, Wanted],
    architecture: str,
    *,
    update: str | None = None,
    update_all: bool = False,
) -> Lock:
    """The lock with these sections, for machines of this architecture, beside those that it has already.

    A section whose request is unchanged stays as it is, unless `update_all` is set, or `update` names the
    section or a package in it (then only that package may move, as far as the archive still has the others).
    """
    sections = dict(lock.sections)
    known = False
    with Resolver(architecture) as resolver:
        for name, wanted in wanted_sections.items():
            old = sections.get(name)
            versions = {} if old is None else {package.package: package.version for package in old.packages}
            concerned = update is not None and (update == name or update in versions)
            known = known or concerned
            if old is not None and old.request == wanted.request and not (update_all or concerned):
                continue
            if update_all or update == name:
                versions = {}
            elif update is not None:
                versions.pop(update, None)
            if wanted.request.distribution == wheels.DISTRIBUTION:
                sections[name] = wheels.resolve(wanted.request, architecture, sections[TOOLS], versions)
            else:
                sections[name] = resolver.resolve(wanted.request, wanted.keyring, versions)
    if update is not None and not known:
        raise StaleLock(f"nothing in the lock is called `{update}`", hint="name a section or a package of it")
    return Lock(sections=sections)


def version_changes(before: Lock, after: Lock) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Section, package, version before and after, for every package that differs."""
    for name in sorted(after.sections):
        old = _versions(before.sections.get(name))
        new = _versions(after.sections[name])
        for package in sorted({*old, *new}):
            if old.get(package) != new.get(package):
                yield name, package, old.get(package), new.get(package)


def _tools(selection: Selection) -> Wanted:
    """The tools root."""
    tools = selection.manifest.tools
    request = Request(
        distribution=DistributionName.DEBIAN,
        suite=tools.suite,
        snapshot=tools.snapshot,
        mirror=tools.mirror,
        install=tuple(sorted({*PROGRAMS, *tools.packages})),
    )
    return Wanted(request, tools.keyring)


def _archive_packages(
    selection: Selection, packages: Iterable[str], install: Iterable[str], components: tuple[str, ...] = ()
) -> Wanted:
    """The base's packages that a root file system needs with these of the project's own and these of the base.

    `components` are parts of the archive that are on for it, beside those that always are.
    """
    base = selection.base
    own = {name: load_package(selection.root / "packages" / name) for name in packages}
    # The project's own packages are built, not fetched, but what they depend on is.
    needed = set(_dependencies(own, base.distribution, base.suite))
    request = Request(
        distribution=base.distribution,
        suite=base.suite,
        snapshot=base.snapshot,
        mirror=base.mirror,
        install=tuple(sorted({*install, *needed})),
        components=components,
    )
    return Wanted(request, base.keyring)


def _driver_modules(selection: Selection) -> dict[str, Wanted]:
    """Sections with the source of each driver's modules that the kernel lacks."""
    base = selection.base
    sections = {}
    for name, driver in selection.drivers.items():
        if driver.modules is not None:
            request = Request(
                distribution=base.distribution,
                suite=base.suite,
                snapshot=base.snapshot,
                mirror=base.mirror,
                install=(driver.modules.package,),
                components=driver.components,
                dependencies=False,
            )
            sections[driver_section(selection, name)] = Wanted(request, base.keyring)
    return sections


def _containers(selection: Selection) -> dict[str, Wanted]:
    """Sections of the containers of a target, if it has any."""
    if not isinstance(selection.target, FlatcarTarget) or not selection.target.containers:
        return {}
    base = DISTRIBUTIONS[selection.base.distribution].container
    sections = {container_section(selection, None): _archive_packages(selection, (), base)}
    for name, container in selection.target.containers.items():
        wanted = _archive_packages(selection, container.packages, {*base, *container.install})
        sections[container_section(selection, name)] = wanted
    return sections


def _dependencies(own: Mapping[str, Package], distribution: str, suite: str) -> Iterator[str]:
    """The archive's packages that the project's own ones need; of alternatives the first, as apt does."""
    for package in own.values():
        for requirement in on_base(package.depends, distribution, suite):
            if not any(relation.name in own for relation in requirement):
                yield requirement[0].name


def _changes(before: Request, after: Request) -> Iterator[str]:
    for field in Request.model_fields:
        old, new = getattr(before, field), getattr(after, field)
        if field == "install":
            yield from (f"`{name}` is not in it" for name in new if name not in old)
            yield from (f"`{name}` is no longer asked for" for name in old if name not in new)
        elif old != new:
            yield f"{field} was {old}, is {new}"


def _versions(section: Section | None) -> dict[str, str]:
    return {} if section is None else {package.package: package.version for package in section.packages}
