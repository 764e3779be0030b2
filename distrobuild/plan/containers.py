"""The container images of a target: a base that all of them share, a layer for each, one folder with all."""

from __future__ import annotations

from collections.abc import Mapping

from distrobuild.manifest.targets import Container
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.locking import container_section
from distrobuild.plan.parts import Parts
from distrobuild.stages.container import ContainerOptions, ContainerStage
from distrobuild.stages.oci import ContainerImage, OciOptions, OciStage


def container_images(parts: Parts, containers: Mapping[str, Container]) -> Node | None:
    """The stage that makes all images; None where no container is asked for."""
    if not containers:
        return None
    base = _root(parts, "container-base", None, {})
    roots: dict[str, Input] = {}
    for name, container in containers.items():
        inputs: dict[str, Input] = {f"own/{package}": parts.deb(package) for package in container.packages}
        roots[f"containers/{name}"] = _root(
            parts, f"container/{name}", name, {"base": base, **inputs}, container.packages
        )
    options = OciOptions(
        distribution=parts.manifest.name,
        version=parts.manifest.version,
        architecture=parts.selection.architecture,
        containers=tuple(_image(parts, name, container) for name, container in sorted(containers.items())),
    )
    return Node("oci", OciStage(options), {"base": base, **roots})


def _root(
    parts: Parts, node: str, container: str | None, inputs: Mapping[str, Input], packages: tuple[str, ...] = ()
) -> Node:
    """A root file system of the packages that the lock has for a container (None: for the base), and of our own."""
    section = container_section(parts.selection, container)
    options = ContainerOptions(
        suite=parts.selection.base.suite,
        architecture=parts.selection.architecture,
        packages=tuple(sorted({*parts.lock.sections[section].request.install, *packages})),
    )
    fetched = parts.fetch(node, section)
    return Node(node, ContainerStage(options), {"debs": fetched, **inputs}, parts.tools)


def _image(parts: Parts, name: str, container: Container) -> ContainerImage:
    settings = container.model_dump(exclude={"packages", "install", "description"})
    return ContainerImage(name=name, description=container.description or f"{parts.selection.title} {name}", **settings)
