"""The system extensions of a target: one of packages, one of modules of its kernel."""

from __future__ import annotations

from collections.abc import Mapping

from distrobuild.manifest.package import load_package
from distrobuild.manifest.targets import Extension, KernelModules, Sysext
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.parts import Parts
from distrobuild.stages.sysext import SysextOptions, SysextStage


def package_extension(parts: Parts, wanted: Sysext | None) -> Node | None:
    """The stage that makes an extension of packages; None where none is asked for."""
    if wanted is None:
        return None
    described = (load_package(parts.selection.root / "packages" / name) for name in wanted.packages)
    units = tuple(unit for package in described for unit in package.enable)
    options = _options(parts, wanted, parts.manifest.name, fits=wanted.fits, enable=units)
    return _node("sysext", parts, wanted, options, {f"debs/{name}": parts.deb(name) for name in wanted.packages})


def module_extension(parts: Parts, wanted: KernelModules | None) -> Node | None:
    """The stage that makes an extension of modules of the kernel; None where none is asked for."""
    if wanted is None:
        return None
    name = parts.manifest.name
    options = _options(parts, wanted, f"{name}-modules", fits="distribution", distribution=name, modules=wanted.modules)
    return _node("sysext/modules", parts, wanted, options, {"kernel": parts.kernel})


def _options(parts: Parts, wanted: Extension, name: str, **others: object) -> SysextOptions:
    return SysextOptions.model_validate(
        {
            "name": name,
            "version": parts.manifest.version,
            "architecture": parts.selection.architecture,
            "format": wanted.format,
            "updates": wanted.updates,
            "signed": wanted.signing is not None,
            **others,
        }
    )


def _node(name: str, parts: Parts, wanted: Extension, options: SysextOptions, inputs: Mapping[str, Input]) -> Node:
    keys: dict[str, Input] = {}
    if wanted.signing is not None:
        keys["key"] = parts.tree(wanted.signing.key, secret=True)
        keys["certificate"] = parts.tree(wanted.signing.certificate)
    return Node(name, SysextStage(options), {**inputs, **keys}, parts.tools)
