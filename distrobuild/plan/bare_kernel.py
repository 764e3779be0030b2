"""A kernel by itself as a plan: its packages, or its tests, each of which boots the bare kernel of a flavour."""

from __future__ import annotations

from collections.abc import Iterable

from distrobuild.errors import DistrobuildError
from distrobuild.manifest import suggestion
from distrobuild.manifest.kernel_tests import KernelTest
from distrobuild.manifest.lock import Lock
from distrobuild.plan.graph import Input, Node, Plan
from distrobuild.plan.parts import Parts
from distrobuild.plan.selection import Selection
from distrobuild.stages.kernel_test import KernelTestOptions, KernelTestStage


class NoKernelTest(DistrobuildError):
    """The kernel has no such test, or none at all."""

    exit_code = 2


def plan_kernel(selection: Selection, lock: Lock) -> Plan:
    """The plan of the selection's kernel."""
    return Plan(selection.name, (Parts(selection, lock).kernel,), selection.manifest.epoch, selection.architecture)


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
    options = KernelTestOptions(**test.model_dump(exclude={"flavour", "program", "release"}))
    return Node(f"kernel_test/{name}", KernelTestStage(options), inputs, parts.tools)
