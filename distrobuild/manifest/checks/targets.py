"""Targets: their kernels and flavours, containers, suite and time zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

from distrobuild.errors import Problem
from distrobuild.manifest import keys, suggestion
from distrobuild.manifest.base import suite_problem
from distrobuild.manifest.project import Project, Text
from distrobuild.manifest.values import DEFAULT_FLAVOUR, DistributionName

CONTAINERS = "targets.*.containers.*"


def kernel_of_a_target_is_declared(project: Project) -> Iterator[Problem]:
    kernels = project.names("kernels")
    for value in project.texts("targets.*.kernel"):
        if value.text not in kernels:
            hint = suggestion.hint(value.text, kernels, otherwise="the kernels there are")
            yield value.problem(f"`{value.key}`: there is no kernel `{value.text}`", hint)


def flavours_of_a_target_are_flavours_of_its_kernel(project: Project) -> Iterator[Problem]:
    for kernel in project.texts("targets.*.kernel"):
        if kernel.text not in project.names("kernels"):
            continue
        path = ("kernels", kernel.text, "flavours")
        known = set(project.names(*path)) if project.has(*path) else {DEFAULT_FLAVOUR}
        for value in _flavours(project, kernel):
            if value.text not in known:
                hint = suggestion.hint(value.text, known, otherwise="the flavours there are")
                message = f"`{value.key}`: kernel `{kernel.text}` has no flavour `{value.text}`"
                yield value.problem(message, hint)


def _flavours(project: Project, kernel: Text) -> Iterator[Text]:
    """The flavours that the target of `kernel` names: its own (or the default), and those of its contents."""
    target = kernel.path[:-1]
    if flavour := project.text(*target, "flavour"):
        yield flavour
    elif not project.has(*target, "flavour"):
        yield Text(DEFAULT_FLAVOUR, (*target, "flavour"), kernel.location)
    for name, location in project.names(*target, "flavours").items():
        yield Text(name, (*target, "flavours"), location)


def containers_run_a_program(project: Project) -> Iterator[Problem]:
    for path, container in project.nodes(CONTAINERS):
        words = [(*path, key, 0) for key in ("entrypoint", "command") if project.has(*path, key, 0)]
        if not words:
            message = f"`{keys.dotted(path)}` runs no program"
            yield Problem(container.location, message, "name one as `entrypoint`, by its absolute path")
        elif (program := project.text(*words[0])) and not program.text.startswith("/"):
            message = f"`{program.key}`: `{program.text}` is not an absolute path"
            yield program.problem(message, "the first word is a program, such as `/bin/sh`")


def suite_belongs_to_its_distribution(project: Project) -> Iterator[Problem]:
    for suite in project.texts("targets.*.base.suite"):
        distribution = project.text(*suite.path[:-1], "distribution")
        if distribution is not None and distribution.text in list(DistributionName):
            problem = suite_problem(DistributionName(distribution.text), suite.text)
            if problem is not None:
                yield suite.problem(f"`{suite.key}`: {problem[0]}", problem[1])
    for suite in project.texts("targets.*.source.debian"):
        if problem := suite_problem(DistributionName.DEBIAN, suite.text):
            yield suite.problem(f"`{suite.key}`: {problem[0]}")


def timezone_is_known(project: Project) -> Iterator[Problem]:
    for value in project.texts("targets.*.timezone"):
        if not _is_timezone(value.text):
            guess = suggestion.nearest(value.text, zoneinfo.available_timezones())
            hint = f"did you mean `{guess}`?" if guess else "such as `UTC` or `Europe/Berlin`"
            yield value.problem(f"`{value.key}`: there is no time zone `{value.text}`", hint)


def _is_timezone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder such as `Europe`
        return False
    return True


CHECKS = (
    kernel_of_a_target_is_declared,
    flavours_of_a_target_are_flavours_of_its_kernel,
    containers_run_a_program,
    suite_belongs_to_its_distribution,
    timezone_is_known,
)
