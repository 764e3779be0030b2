"""What comes before a kernel is compiled: read patches and fragments, unpack, patch, configure.

Every mistake in patches and fragments is reported before the tree is unpacked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import InvalidInput, Problem
from distrobuild.formats import kconfig
from distrobuild.formats.kconfig import Setting
from distrobuild.formats.patch_series import Series, read_series
from distrobuild.stages import kernel_config, kernel_source
from distrobuild.stages.kernel_make import TREE, Make, kernel_identity
from distrobuild.stages.stage import Job, Options

INPUTS = {
    "source": "folder with a Debian linux-source package, a linux-*.tar.xz, or the tree itself",
    "patches": "folder with a series and its patches; only if the options name one",
    "shared/*": "folders beside that one, where the series names patches of them",
    "config/*": "configuration fragments, each a file",
}
"""What a stage reads that prepares a kernel."""


class TreeOptions(Options):
    """Which tree, configured how."""

    distribution: str
    """Short name of the distribution (`mlos`): in the release, in the packages' names, and as builder."""
    version: str
    """Version of the distribution; stands behind the kernel's own in the packages' version."""
    flavour: str
    """Flavour (`server`, `vm`): the last part of the release."""
    base_config: str = "x86_64_defconfig"
    """The make target that the configuration starts from."""
    config: tuple[str, ...] = ()
    """Fragments in order, later wins, as messages call them; `fragment_input` names the input that holds each."""
    patches: str | None = None
    """The series' folder as messages call it; None: no patches, and no input `patches`."""


@dataclass(frozen=True)
class Prepared:
    """A configured tree at /work/linux: what makes it, what it was patched with, what its fragments got."""

    make: Make
    series: Series | None
    requested: list[Setting]


def fragment_input(name: str) -> str:
    """Name of the input that holds the fragment `name` (a path in the project)."""
    return f"config/{name.replace('/', '-')}"


def prepare(
    job: Job,
    options: TreeOptions,
    *,
    ccache: bool,
    apply: Callable[[Job, Series], None] = kernel_source.apply_series,
    last: tuple[Setting, ...] = (),
) -> Prepared:
    """Put the configured tree at /work/linux; `apply` is how patches come in, `last` a fragment behind all others.

    Raises `InvalidInput` for a bad patch or fragment, `PatchDoesNotApply`, `SymbolsLost` for a symbol that cannot be
    set, and `NoKernelSource`.
    """
    series, fragments = _read_inputs(job, options)
    kernel_source.unpack(job)
    if series is not None:
        apply(job, series)
    identity = kernel_identity(options.version, series.identity if series else None)
    make = Make(job, options.distribution, identity, ccache=ccache)
    # Neither a version nor a patch set: autoconf.h is in every object, and each change would recompile them all.
    strings = {"LOCALVERSION": f"-{options.distribution}-{options.flavour}"}
    requested = kernel_config.configure(make, job.work / TREE, options.base_config, [*fragments, last], strings)
    return Prepared(make, series, requested)


def _read_inputs(job: Job, options: TreeOptions) -> tuple[Series | None, list[tuple[Setting, ...]]]:
    """The series and the fragments; every mistake in all of them is reported at once."""
    problems: list[Problem] = []
    series = None
    fragments = []
    try:
        if options.patches is not None:
            shared = kernel_source.shared_patches(job.inputs)
            series = read_series(job.inputs["patches"], Path(options.patches), shared)
    except InvalidInput as error:
        problems += error.problems
    for name in options.config:
        try:
            fragments.append(kconfig.read_fragment(job.inputs[fragment_input(name)], Path(name)))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    return series, fragments
