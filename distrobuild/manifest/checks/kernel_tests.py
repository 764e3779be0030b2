"""Tests of a kernel: its flavours, one program, measurements that can repeat."""

from __future__ import annotations

from collections.abc import Iterator

from distrobuild.errors import Problem
from distrobuild.manifest import suggestion
from distrobuild.manifest.project import Project
from distrobuild.manifest.values import DEFAULT_FLAVOUR
from distrobuild.manifest.yaml_positions import YamlScalar, find

TESTS = "kernels.*.tests.*"


def flavour_of_a_test_is_one_of_its_kernel(project: Project) -> Iterator[Problem]:
    for value in project.texts(f"{TESTS}.flavour"):
        kernel = str(value.path[1])
        path = ("kernels", kernel, "flavours")
        known = set(project.names(*path)) if project.has(*path) else {DEFAULT_FLAVOUR}
        if value.text not in known:
            hint = suggestion.hint(value.text, known, otherwise="the flavours there are")
            yield value.problem(f"`{value.key}`: kernel `{kernel}` has no flavour `{value.text}`", hint)


def a_test_runs_one_program(project: Project) -> Iterator[Problem]:
    for value in project.texts(f"{TESTS}.selftest"):
        if project.has(*value.path[:-1], "program"):
            yield value.problem(f"`{value.key}`: there is a `program` beside it", "make two tests of it")


def time_is_counted_on_one_processor(project: Project) -> Iterator[Problem]:
    for path, cpus in project.nodes(f"{TESTS}.cpus"):
        counted = find(project.tree, (*path[:-1], "counted"))
        if not isinstance(cpus, YamlScalar) or cpus.value == 1:
            continue
        if isinstance(counted, YamlScalar) and counted.value is True:
            message = "time that is counted in instructions takes one processor"
            yield Problem(cpus.location, message, "leave `cpus` out, or `counted`")


CHECKS = (flavour_of_a_test_is_one_of_its_kernel, a_test_runs_one_program, time_is_counted_on_one_processor)
