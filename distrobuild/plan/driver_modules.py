"""The stages that compile drivers' modules for the kernel of an image, which lacks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from distrobuild.manifest.drivers import ModuleSource
from distrobuild.plan.graph import Node
from distrobuild.plan.locking import driver_section
from distrobuild.stages.driver_modules import DriverModulesOptions, DriverModulesStage

if TYPE_CHECKING:  # the parts have these stages among them
    from distrobuild.plan.parts import Parts

PREFIX = "driver_modules/"


def nodes(parts: Parts) -> tuple[Node, ...]:
    """A stage for each driver of the selection that has modules of its own."""
    drivers = parts.selection.drivers.items()
    return tuple(_node(parts, name, driver.modules) for name, driver in drivers if driver.modules is not None)


def packages(nodes: Iterable[Node]) -> Iterator[str]:
    """The packages that the stages make, by their names without kernel and flavour."""
    return (node.name.replace(PREFIX, "linux-modules-") for node in nodes)


def _node(parts: Parts, driver: str, source: ModuleSource) -> Node:
    options = DriverModulesOptions(
        driver=driver,
        archive=source.archive,
        folder=source.folder,
        modules=source.modules,
        symbols=source.symbols,
        needs=source.needs,
        provides=source.provides,
        distribution=parts.manifest.name,
        version=parts.manifest.version,
        flavour=parts.selection.flavour,
        maintainer=parts.maintainer,
    )
    fetched = parts.fetch(driver, driver_section(parts.selection, driver))
    inputs = {"kernel": parts.kernel, "source": fetched, **parts.module_key}
    return Node(f"{PREFIX}{driver}", DriverModulesStage(options), inputs, parts.tools)
