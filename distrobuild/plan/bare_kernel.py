"""A kernel by itself as a plan: its packages, or its tests, each of which boots the bare kernel of a flavour."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distrobuild.errors import DistrobuildError
from distrobuild.manifest import suggestion
from distrobuild.manifest.kernel_tests import KernelTest
from distrobuild.manifest.lock import Lock
from distrobuild.manifest.models import Manifest
from distrobuild.plan.graph import Input, Node, Plan
from distrobuild.plan.parts import Parts
from distrobuild.plan.selection import Selection, select
from distrobuild.stages.kernel_settings import KernelSettingsStage
from distrobuild.stages.kernel_test import KernelTestOptions, KernelTestStage
from distrobuild.stages.kernel_verify import KernelVerifyStage, VerifyOptions


class NoKernelTest(DistrobuildError):
    """The kernel has no such test, or none at all."""

    exit_code = 2


class NothingToVerify(DistrobuildError):
    """The kernel has no patches, or nothing is named that they touch."""

    exit_code = 2


class NoKernel(DistrobuildError):
    """The manifest has no such kernel, or it does not say which one is meant."""

    exit_code = 2


def kernel_named(manifest: Manifest, name: str | None) -> str:
    """The kernel of that name; without one, the only kernel or the only one that targets boot. Raises `NoKernel`."""
    kernels = list(manifest.kernels)
    if name in kernels:
        return name
    booted = sorted({target.kernel for target in manifest.targets.values() if target.kernel})
    for choice in (kernels, booted):
        if name is None and len(choice) == 1:
            return choice[0]
    if name is None:
        raise NoKernel("which kernel?", hint=f"there is {', '.join(kernels)}" if kernels else "`explain kernels`")
    raise NoKernel(f"there is no kernel `{name}`", hint=suggestion.hint(name, kernels, otherwise="there is"))


def select_kernel(manifest: Manifest, root: Path, name: str, base: str | None, flavour: str | None) -> Selection:
    """A kernel by itself as a selection: with the target that boots it, or with any other in the place of its own.

    The flavour is the one named, the target's, or where the kernel lacks that, its own first. Raises `NoKernel`.
    """
    own = {each: target for each, target in manifest.targets.items() if target.own_kernel}
    if not own:
        raise NoKernel(f"no target of the manifest could boot the kernel `{name}`", hint="`explain targets`")
    target = next((each for each in own if own[each].kernel == name), next(iter(own)))
    flavours = manifest.kernels[name].flavours
    chosen = flavour or (own[target].flavour if own[target].flavour in flavours else next(iter(flavours)))
    return select(manifest, root, target, base, chosen, kernel=name)


def plan_kernel(selection: Selection, lock: Lock) -> Plan:
    """The plan of the selection's kernel."""
    return Plan(selection.name, (Parts(selection, lock).kernel,), selection.manifest.epoch, selection.architecture)


def plan_settings(selection: Selection, lock: Lock, flavours: Iterable[str] = ()) -> Plan:
    """The plan that configures the selection's kernel in these flavours, else in its own, and compiles nothing."""
    parts = Parts(selection, lock)
    trees = [parts.kernel_tree(flavour) for flavour in tuple(flavours) or (selection.flavour,)]
    goals = tuple(
        Node(f"kernel_settings/{tree.flavour}", KernelSettingsStage(tree), parts.kernel_inputs(tree), parts.tools)
        for tree in trees
    )
    return Plan(selection.name, goals, selection.manifest.epoch, selection.architecture)


def plan_verify(selection: Selection, lock: Lock) -> Plan:
    """The plan that looks at each patch of the selection's kernel by itself. Raises `NothingToVerify`."""
    kernel = selection.kernel
    assert kernel is not None
    if not kernel.verify or kernel.patches is None:
        raise NothingToVerify(
            f"kernel {selection.target.kernel} says not what to compile", hint="`explain kernels.*.verify`"
        )
    parts = Parts(selection, lock)
    tree = parts.kernel_tree(selection.flavour)
    stage = KernelVerifyStage(VerifyOptions(**tree.model_dump(), targets=kernel.verify))
    node = Node("kernel_verify", stage, parts.kernel_inputs(tree), parts.tools)
    return Plan(selection.name, (node,), selection.manifest.epoch, selection.architecture)


def kernel_source(selection: Selection, lock: Lock) -> Input:
    """Where the tree of the selection's kernel comes from."""
    return Parts(selection, lock).kernel_source


def plan_kernel_tests(selection: Selection, lock: Lock, names: Iterable[str] = (), *, release: bool = False) -> Plan:
    """The plan of these tests of the selection's kernel, else of all: also those for a release only if `release`.

    Raises `NoKernelTest`.
    """
    kernel = selection.kernel
    assert kernel is not None  # a target without a kernel has no tests of it
    if not kernel.tests:
        raise NoKernelTest(f"kernel {selection.target.kernel} has no tests", hint="`explain kernels.*.tests`")
    chosen = tuple(names) or tuple(name for name, test in kernel.tests.items() if release or not test.release)
    if not chosen:
        raise NoKernelTest(f"every test of kernel {selection.target.kernel} is for a release", hint="`--release`")
    for name in chosen:
        if name not in kernel.tests:
            hint = suggestion.hint(name, kernel.tests, otherwise="there is")
            raise NoKernelTest(f"kernel {selection.target.kernel} has no test `{name}`", hint=hint)
    parts = Parts(selection, lock)
    goals = tuple(_test(parts, name, kernel.tests[name]) for name in chosen)
    return Plan(selection.name, goals, selection.manifest.epoch, selection.architecture)


def _test(parts: Parts, name: str, test: KernelTest) -> Node:
    inputs: dict[str, Input] = {"kernel": parts.kernel_in(test.flavour or parts.selection.flavour)}
    if test.program is not None:
        inputs["program"] = parts.tree(test.program)
    if test.include is not None:
        inputs["include"] = parts.tree(test.include)
    options = KernelTestOptions(**test.model_dump(exclude={"flavour", "program", "include", "release"}))
    return Node(f"kernel_test/{name}", KernelTestStage(options), inputs, parts.tools)
