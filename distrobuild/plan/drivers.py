"""The drivers of a selection: whether its base and its kernel can have them, before anything is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distrobuild.errors import Problem
from distrobuild.manifest import suggestion
from distrobuild.manifest.drivers import bases_with
from distrobuild.manifest.loader import LoadedManifest
from distrobuild.manifest.models import AptSource, KernelOrgSource, Source
from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.manifest.values import DriverName
from distrobuild.plan.selection import Selection

APT_KERNEL = re.compile(r"linux-source-(\d+)\.(\d+)")


def driver_problems(selection: Selection, loaded: LoadedManifest) -> Iterator[Problem]:
    """What is wrong with each driver that the selection asks for, at its place in the manifest."""
    if selection.kernel is None or selection.target.base is None:
        return  # no system is made here
    for number, driver in enumerate(selection.contents.drivers):
        location = loaded.location(*_path(selection), number)
        for message, hint in _problems(selection, driver):
            yield Problem(location, message, hint)


def _path(selection: Selection) -> tuple[str, ...]:
    """The key that names the drivers of the selection's flavour."""
    target = ("targets", selection.name)
    flavour = selection.target.flavours.get(selection.flavour)
    if flavour is not None and "drivers" in flavour.model_fields_set:
        return (*target, "flavours", selection.flavour, "drivers")
    return (*target, "drivers")


def _problems(selection: Selection, driver: DriverName) -> Iterator[tuple[str, str]]:
    """Message and hint of each problem."""
    found = selection.drivers.get(driver)
    if found is None:
        known = suggestion.quoted(bases_with(driver), last=" and ")
        message = f"no packages of the driver `{driver}` are known for {selection.base_name}"
        yield message, f"they are for {known}; `--set {'.'.join(_path(selection))}=[]` leaves all drivers out"
        return
    if found.modules is None:
        return
    if isinstance(selection.target, FlatcarTarget):
        message = f"the driver `{driver}` sets itself up below /etc, which a verified /usr does not bring"
        yield message, "on such a machine it comes with a container's runtime, not with the image"
    assert selection.kernel is not None  # `driver_problems` looked
    line, newest = _kernel_line(selection.kernel.source), found.modules.newest_kernel
    if line is not None and line > newest:
        message = f"the modules of `{driver}` in {selection.base_name} do not compile for Linux {line[0]}.{line[1]}"
        yield message, f"they do up to {newest[0]}.{newest[1]}: `kernel` or `--kernel` names an older one"


def _kernel_line(source: Source) -> tuple[int, int] | None:
    """The line of a kernel's source, where the manifest tells it: `(6, 12)`."""
    if isinstance(source, AptSource) and (match := APT_KERNEL.match(source.apt)):
        return int(match[1]), int(match[2])
    if isinstance(source, KernelOrgSource):
        major, minor, *_ = source.version.split(".")
        return int(major), int(minor)
    return None
